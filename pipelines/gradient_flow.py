"""Show how far gradients reach back in time, in pictures and figures.

python pipelines/gradient_flow.py --help
"""

from tfseq.analysis.gradient_flow_options import GradientFlowOptions
from tfseq.options.command_line import run


def main(options: GradientFlowOptions) -> None:
    from tfseq.analysis.gradient_flow import GradientFlow
    from tfseq.analysis.gradient_flow_results import write_gradient_flow

    study = GradientFlow(options)
    path = write_gradient_flow(study.path, options, study.figures())
    print(f"\nresults   {path}")


def command() -> None:
    run(GradientFlowOptions, main)


if __name__ == "__main__":
    command()
