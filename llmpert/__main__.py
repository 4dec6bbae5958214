"""The command line: `python -m llmpert`.

Standard output holds the report and nothing else; progress and remarks go to standard error. What a
user got wrong is one line there that starts with "Error:", and the exit code is 2 for a wrong
command, 1 for data that cannot be used, 130 for an interrupted run.
"""

import os
import sys
import warnings
from collections.abc import Sequence

import click

from llmpert import __version__
from llmpert.commands.datasets import datasets
from llmpert.commands.design import design
from llmpert.commands.doctor import doctor
from llmpert.commands.download import download
from llmpert.commands.embed import embed
from llmpert.commands.evaluate import evaluate
from llmpert.commands.gears import gears
from llmpert.commands.import_data import import_data
from llmpert.commands.predict import predict
from llmpert.commands.prepare import prepare
from llmpert.commands.pseudobulk import pseudobulk
from llmpert.commands.report import report
from llmpert.commands.score import score
from llmpert.commands.search import search
from llmpert.commands.serve import serve
from llmpert.commands.simulate import simulate
from llmpert.commands.sources import sources
from llmpert.commands.train import train
from llmpert.errors import InputError
from llmpert.runtime import wait_briefly

PROGRAM = "python -m llmpert"


@click.group(invoke_without_command=True)
@click.version_option(__version__, prog_name="llmpert")
@click.pass_context
def program(context: click.Context) -> None:
    """Predict the transcriptional response to unseen gene knockdowns.

    A screen holds the responses to the knockdowns that were made, as differences to control; an
    embedding holds a vector for each gene. Models learn responses from vectors, so that they
    predict genes nobody knocked down.

    \b
    Try it on simulated data:
      python -m llmpert simulate --out simulated
      python -m llmpert evaluate --screen simulated/Sim-K562-like.h5ad \\
          --embedding text=simulated/text.parquet \\
          --model mean --model linear --train-size 400 --out results.parquet
      python -m llmpert serve
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (
    evaluate, predict, search, design, train, score, sources, simulate, download, prepare,
    pseudobulk, embed, import_data, report, datasets, gears, serve, doctor,
):  # fmt: skip
    program.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what follows `python -m llmpert`, by default in this process; return the exit code."""
    wait_briefly()
    if not sys.warnoptions:
        # Notices of libraries to programmers would bury what is said to the user.
        warnings.simplefilter("ignore")
    try:
        code = program.main(arguments, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else PROGRAM
        return _fail(f"{error.format_message()} See: {command} --help", error.exit_code)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail("Interrupted. Completed work is saved; run the command again to resume.", 130)
    except InputError as error:
        return _fail(str(error), 1)
    except BrokenPipeError:
        # Whoever read the report has seen enough; Python would complain once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        return _fail("Not enough memory for these data.", 1)
    except OSError as error:
        reason = error.strerror or str(error)
        return _fail(f"{error.filename}: {reason}." if error.filename else f"{reason}.", 1)


def _fail(message: str, code: int) -> int:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
