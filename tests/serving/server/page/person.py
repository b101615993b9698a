"""What a person does on the page and sees, and what the API says."""

import re

import numpy as np


def shown(page, selector):
    return page.locator(f"{selector} >> visible=true")


def press(page):
    shown(page, "button.primary").click()


def set_number(page, label, value):
    box = page.get_by_label(label, exact=True).and_(page.locator("input[type=number]"))
    shown(page, "input[type=number]").and_(box).fill(str(value))


def written(page):
    """The text, when it has been written."""
    page.locator("#said", has_text="Written").wait_for(state="attached")
    return shown(page, ".tokens").text_content()


def write(page, prompt, num_tokens=30):
    shown(page, "textarea").first.fill(prompt)
    set_number(page, "Tokens", num_tokens)
    press(page)
    return written(page)


def generate(exported, prompt, num_tokens=30, temperature=0.8, top_k=0, top_p=1.0, seed=0):
    answer = exported.run(
        "generate",
        prompt=texts(prompt),
        max_new_tokens=np.int32([num_tokens]),
        temperature=np.float32([temperature]),
        top_k=np.int32([top_k]),
        top_p=np.float32([top_p]),
        seed=np.int64([seed]),
    )
    return answer["text"][0].decode(), float(answer["log_probability"][0])


def texts(*strings):
    return np.array([string.encode() for string in strings], object)


def number_in(text, before):
    found = re.search(rf"{before}\s*(−?[\d.]+)", text)
    return float(found[1].replace("−", "-"))


def heats(page):
    """How strong the background of each token is, from 0 to 1."""
    styles = [span.get_attribute("style") for span in shown(page, ".tokens > span").all()]
    return [float(re.search(r"--heat: ([\d.e-]+)", style)[1]) for style in styles]


def is_written(page, prefix, length):
    """Whether a text of this length that begins so is there after a while."""
    for _ in range(200):
        text = shown(page, ".tokens").text_content()
        if text.startswith(prefix) and len(text) == length:
            return True
        page.wait_for_timeout(100)
    return False
