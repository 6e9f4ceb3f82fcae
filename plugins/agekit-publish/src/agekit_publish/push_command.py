"""``agekit zoo push``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json, only_json_on_stdout, print_table
from agekit.errors import counted

if TYPE_CHECKING:
    from agekit_publish.push import Pushed

__all__ = ["benchmark_option", "push"]


def _by_dataset(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for text in value:
        dataset, equals, repo = text.partition("=")
        if not (dataset and equals and repo):
            raise click.BadParameter(f"{text!r} is not DATASET=ORG/REPO.")
        if dataset in found:
            raise click.BadParameter(f"{dataset} is given twice.")
        found[dataset] = repo
    return found


benchmark_option = click.option(
    "--benchmark",
    "benchmarks",
    multiple=True,
    callback=_by_dataset,
    metavar="DATASET=ORG/REPO",
    help="Tell the test figures on DATASET to the Hub, for the leaderboard of that dataset "
    "repository; may be repeated.",
)


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("repo", metavar="ORG/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--create-pr", is_flag=True, help="Open a pull request, leave the main branch.")
@click.option("--tag", help="Give the commit a tag, such as v1.")
@benchmark_option
@click.option(
    "--space",
    is_flag=True,
    help="Then also push the page of `agekit demo` with this model, as the static Space ORG/NAME.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be pushed, and push nothing.")
@json_option
def push(
    run: Path,
    repo: str,
    private: bool,
    create_pr: bool,
    tag: str | None,
    benchmarks: dict[str, str],
    space: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publish the model of a run folder or a model folder on the Hub, as ORG/NAME.

    The model is checked and loaded first. Then its weights, configuration, card, metrics and the
    evaluation results of --benchmark are committed, and nothing else. Prints the entry for the
    zoo's index, to be reviewed and kept as a JSON there. The token is that of `hf auth login`, or
    $HF_TOKEN.
    """
    from agekit_publish.push import push_model, push_space

    if create_pr and tag is not None:
        raise click.UsageError("--tag is not for --create-pr: tag the commit once it is merged.")
    if space and (create_pr or dry_run):
        raise click.UsageError("--space pushes a page: leave out --create-pr and --dry-run.")
    with only_json_on_stdout(as_json), ExitStack() as stack:
        page = stack.enter_context(_page(run)) if space else None
        done = push_model(
            run,
            repo,
            private=private,
            create_pr=create_pr,
            tag=tag,
            benchmarks=benchmarks,
            dry_run=dry_run,
        )
        where = page and push_space(page, repo, private=private)
    if as_json:
        emit_json(
            {
                **({"space": where} if where else {}),
                "repo": done.repo,
                "commit": done.commit,
                "url": done.url,
                "changed": done.changed and done.commit is not None,
                "files": done.files,
                "entry": done.entry.to_json(),
            }
        )
    else:
        _tell(done)
        if where:
            click.echo(f"the page: {where}", err=True)


@contextmanager
def _page(model: Path) -> Iterator[Path]:
    """The page of a model, in a folder for a while: made first, so that nothing is half pushed."""
    from agekit.registry import COMMANDS

    with TemporaryDirectory(prefix="agekit-space-") as place:
        page = Path(place, "page")
        arguments = ["--model", str(model), "--out", str(page)]
        with redirect_stdout(sys.stderr):
            COMMANDS.get("demo").main(arguments, standalone_mode=False)
        yield page


def _tell(done: Pushed) -> None:
    from agekit.zoo.entry import write_entry

    total = f"{counted(len(done.files), 'file')}, {counted(sum(done.files.values()), 'byte')}"
    if done.commit is None:
        print_table(["file", "bytes"], [(name, f"{size:,}") for name, size in done.files.items()])
        click.echo(f"{total} would be pushed to {done.repo}", err=True)
        return
    said = f"pushed {total}" if done.changed else f"{done.repo} has all {total} already"
    click.echo(f"{said}\ncommit {done.commit}\n{done.url}", err=True)
    click.echo(f"the entry for the index, to review and keep as {done.entry.name}.json:", err=True)
    click.echo(write_entry(done.entry), nl=False)
