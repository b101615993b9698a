"""What pyproject.toml cannot say: the scripts are installed under a name of their own."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["tfseq", "tfseq.*"]), "tfseq_pipelines"],
    package_dir={"tfseq_pipelines": "pipelines"},
)
