"""
A Typer program with commands at its top and in a group: `shipit deploy`, `shipit db migrate`.

    pip install ./examples/shipit
    shipit deploy staging
    shipit job list
"""

from __future__ import annotations

import typer

from outlast.framework import AsyncJob, attach

from .work import roll_out

app = typer.Typer(help="Ship things.")
db = typer.Typer(help="Databases.")
app.add_typer(db, name="db")


@app.command()
def deploy(env: str, seconds: float = 2.0) -> AsyncJob:
    """Roll out to ENV."""
    return AsyncJob(roll_out, env, seconds, timeout="10m")


@db.command()
def migrate(script: str) -> AsyncJob:
    """Run a migration, which is a program of its own."""
    return AsyncJob.command([script], labels={"kind": "migration"})


@app.command()
def version() -> None:
    """Tell the version. An ordinary command stays as it is."""
    typer.echo("1.0")


attach(app)
