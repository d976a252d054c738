"""``xbopt keys``: the keys that sign bundles."""

from pathlib import Path
from typing import Annotated

import typer

from xbopt.cli.options import JsonOption
from xbopt.cli.terminal import print_json, result_console, say
from xbopt.core.errors import UsageError

app = typer.Typer(help="Keys that sign bundles.", no_args_is_help=True, rich_markup_mode=None)


@app.command(name="new", epilog="Example: xbopt keys new -o key.pem")
def new_command(
    output: Annotated[Path, typer.Option("-o", "--output", help="The private key, a new file in PEM.")],
    as_json: JsonOption = False,
) -> None:
    """Make an ed25519 key for xbopt export --sign, and print its public key for --trusted-key."""
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec", "cryptography")
    from xbopt.service.bundle.keys import new_key

    _show(new_key(output), output, as_json=as_json)
    say(f"The private key is in {output}, for you alone to read. Keep it off the machines that serve.")


@app.command(name="show", epilog="Example: xbopt keys show policy.xbopt")
def show_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A private or public key in PEM, or a signed bundle.")],
    as_json: JsonOption = False,
) -> None:
    """Print the public key of a key or of a bundle's signature, and its fingerprint."""
    from xbopt.core.extras import need_extra

    need_extra("serve", "msgspec", "onnxruntime", "cryptography")
    from xbopt.service.bundle.archive import SUFFIX, read_files
    from xbopt.service.bundle.integrity import check_integrity
    from xbopt.service.bundle.keys import public_key_of, read_key_file

    if file.is_dir() or file.suffix == SUFFIX:
        _, signer = check_integrity(read_files(file))
        if signer is None:
            raise UsageError(f"{file} is not signed; sign a bundle with: xbopt export ... --sign key.pem")
        _show(signer, file, as_json=as_json)
        return
    _show(public_key_of(read_key_file(file), str(file)), file, as_json=as_json)


def _show(key: str, file: Path, *, as_json: bool) -> None:
    from xbopt.service.bundle.keys import fingerprint

    mark = f"sha256:{fingerprint(key)}"
    if as_json:
        print_json({"file": str(file), "public_key": key, "fingerprint": mark})
        return
    console = result_console()
    console.print(key, markup=False)
    console.print(f"fingerprint {mark}", markup=False)
