"""The processes of Ray clusters, what is done on them, and what kills them."""

import threading

from tfseq.data import encode_corpus


def processes_of_ray(place):
    """The processes of a cluster, by the directory that their command lines name."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if any(place in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def workers_of(raylet):
    """The processes below a raylet that are at a task of the text stage."""
    import psutil

    found = []
    for process in raylet.children():
        try:
            if process.cmdline()[0].startswith("ray::tfseq"):
                found.append(process)
        except (psutil.Error, IndexError):
            continue
    return found


def encode(address, corpus, tokenizer, cache_dir, piece_bytes=20_000):
    from tfseq.cluster.connection import connect
    from tfseq.cluster.tasks import OnCluster
    from tfseq.cluster.text.text_stage import TextStage

    with connect(address, dashboard=False) as connection:
        stage = TextStage(OnCluster(str(connection.logs)), piece_bytes, shard_bytes=1 << 16)
        return encode_corpus(corpus, tokenizer, cache_dir=cache_dir, write=stage)


def killing(kill):
    """Call `kill` in a thread while the block runs; it is given what tells that the block has
    ended."""
    ended = threading.Event()
    thread = threading.Thread(target=kill, args=[ended])

    class Block:
        def __enter__(self):
            thread.start()

        def __exit__(self, *error):
            ended.set()
            thread.join()

    return Block()


def raylets():
    import psutil

    return [process for process in psutil.Process().children(recursive=True) if is_raylet(process)]


def is_raylet(process):
    import psutil

    try:
        return process.name() == "raylet"
    except psutil.Error:
        return False


def all_raylets(cluster):
    """Those of a cluster of the tests."""
    return [process for process in processes_of_ray(cluster.place) if is_raylet(process)]
