"""Measure and plot how far gradients reach back in time.

python pipelines/gradient_flow.py --help
"""

from tfseq.analysis.gradient_flow_options import GradientFlowOptions
from tfseq.options.command_line import run


def main(options: GradientFlowOptions) -> None:
    from tfseq.analysis.gradient_flow_results import run_gradient_flow

    print(f"\nresults   {run_gradient_flow(options)}")


def command() -> None:
    run(GradientFlowOptions, main)


if __name__ == "__main__":
    command()
