"""``python -m anyvideo`` and the ``anyvideo`` script."""

from __future__ import annotations

CLI_PACKAGES = frozenset({"click", "rich", "typer"})


def main() -> None:
    """Run the command line.

    Raises:
        SystemExit: one sentence with the pip command, where a package of the ``cli`` extra is missing.
    """
    try:
        from anyvideo.cli import app
        from anyvideo.cli.interrupts import ctrl_c

        with ctrl_c():
            app()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in CLI_PACKAGES:
            raise
        raise SystemExit(
            f'The anyvideo command line needs the package {missing}: pip install "anyvideo[cli]"'
        ) from None


if __name__ == "__main__":
    main()
