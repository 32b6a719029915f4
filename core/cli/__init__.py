"""The command line: everything the pages do, through the same functions.

With ``--json`` a command prints one JSON object on standard output and nothing else there; progress and messages go to standard
error. Exit codes: 0 success, 1 the run failed, 2 invalid arguments or input, 130 cancelled.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import Abort, TyperException

from core.cli import backup, check, data, doctor, predict, runs, train, versions
from core.cli.answers import CANCELLED, DONE, FAILED, MISTAKE, Reply, Surroundings, answer, remark
from core.config.settings import Settings
from core.errors import UserError
from core.machine.full_disk import storage_sentence
from core.runs.scheduler.scheduler import WORKER_COMMAND

logger = logging.getLogger(__name__)

app = typer.Typer(
    help="Fine-tune text classifiers on your own machine and see, label by label, how good they are.",
    epilog="The workspace is the folder TUNEBOARD_HOME, ./workspace unless set. "
    "Exit codes: 0 success, 1 the run failed, 2 invalid arguments or input, 130 cancelled.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("import")(data.import_file)
app.command("check")(check.check)
app.command("repair")(versions.repair)
app.command("versions")(versions.list_versions)
app.command("export")(versions.export_dataset)
app.command("train")(train.train)
app.command("runs")(runs.list_runs)
app.command("show")(runs.show)
app.command("queue")(runs.queue)
app.command("cancel")(train.cancel)
app.command("resume")(train.resume)
app.command("predict")(predict.predict)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)


def main(
    arguments: Sequence[str] | None = None,
    *,
    settings: Settings | None = None,
    worker_command: Sequence[str] = WORKER_COMMAND,
) -> int:
    """Run one command.

    Args:
        arguments: command-line arguments without the program; those of this process if not given.
        settings: settings of the workspace; from the environment if not given.
        worker_command: command that is started for each run.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    # What a library prints meanwhile must not end up in the answer.
    quietly = contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()
    try:
        with quietly:
            _refuse_other_bytes(words)
            surroundings = Surroundings(settings, tuple(worker_command))
            reply = typer.main.get_command(app).main(words, prog_name="python -m core", standalone_mode=False, obj=surroundings)
    except UserError as error:
        reply = _refusal(str(error), as_json=as_json)
    except TyperException as error:
        reply = _refusal(f"{error.format_message()}\nSee 'python -m core --help'.", as_json=as_json)
    except (Abort, KeyboardInterrupt):
        reply = answer(as_json, {"error": "Cancelled."}, "", CANCELLED)
    except Exception as error:
        said = storage_sentence(error) if isinstance(error, OSError) else None
        if said is None:
            logger.exception("Unexpected error in Tuneboard. Please report it.")
            reply = answer(as_json, {"error": "Unexpected error. See standard error for details."}, "", FAILED)
        else:
            reply = _refusal(said, as_json=as_json)
    if not isinstance(reply, Reply):
        return DONE  # help was shown
    if reply.text:
        print(reply.text)
    return reply.exit_code


def _refuse_other_bytes(words: Sequence[str]) -> None:
    """Refuse arguments that are not valid UTF-8, which cannot be stored; the name of an existing file may have such bytes.

    Raises:
        UserError: names the argument.
    """
    for word in words:
        is_text = word.encode("utf-8", "replace").decode() == word
        if not is_text and not os.path.lexists(word) and not os.path.lexists(word.partition("=")[2]):
            shown = repr(word if len(word) <= 40 else f"{word[:39]}…")
            raise UserError(f"{shown} is not valid UTF-8. Write it in UTF-8, or give a file with --file.")


def _refusal(message: str, *, as_json: bool) -> Reply:
    remark(message)
    return answer(as_json, {"error": message}, "", MISTAKE)
