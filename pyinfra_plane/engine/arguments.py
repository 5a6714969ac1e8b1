"""Arguments of operations: wrong ones are refused in one line, and secret ones are wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature
from typing import Any

import pyinfra
from pyinfra.api.exceptions import OperationTypeError
from pyinfra.api.hiddenvalue import HiddenValue
from pyinfra.context import ctx_state

from pyinfra_plane.engine.patches import cli_error
from pyinfra_plane.text import as_text


def checked(
    operation: str, takes: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Check an operation's arguments, and wrap the secret ones, which a command line gives as plain text.

    Args:
        operation: its name.
        takes: its signature.
        args: positional arguments.
        kwargs: keyword arguments, without pyinfra's own.

    Raises:
        OperationTypeError: they do not fit; on pyinfra's command line its own ``CliError``.
    """
    try:
        given = takes.bind(*args, **kwargs).arguments
    except TypeError:
        misfit = _misfit(takes, args, kwargs)
        raise _refusal(f"{operation}: {misfit}; the arguments are: {', '.join(takes.parameters)}") from None
    wrapped = {name: _wrapped(operation, takes.parameters[name], value) for name, value in given.items()}
    return tuple(wrapped.values())[: len(args)], {name: wrapped[name] for name in kwargs}


def _misfit(takes: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    names = list(takes.parameters)
    unknown = [name for name in kwargs if name not in names]
    if unknown:
        return f"unknown argument {', '.join(unknown)}"
    given = {*names[: len(args)], *kwargs}
    lacking = [name for name in names if name not in given and takes.parameters[name].default is Parameter.empty]
    return (
        f"missing argument {', '.join(lacking)}" if lacking else "an argument appears twice, or there is one too many"
    )


def _wrapped(operation: str, parameter: Parameter, value: Any) -> Any:
    wanted = str(parameter.annotation)
    if "HiddenValue" not in wanted or value is None or isinstance(value, HiddenValue):
        return value
    path = f"{operation}.{parameter.name}"
    if wanted.startswith("Sequence"):
        if not isinstance(value, (list, tuple)):
            raise _refusal(f"{path} must be a list (on a command line as JSON)")
        return [_hidden(f"{path}[{number}]", one) for number, one in enumerate(value)]
    if not wanted.startswith("Mapping"):
        return _hidden(path, value)
    if not isinstance(value, Mapping):
        raise _refusal(f"{path} must be a dict (on a command line as JSON)")
    return {
        name: _hidden(f"{path}.{name}", ("0", "1")[one] if isinstance(one, bool) else one)
        for name, one in value.items()
    }


def _hidden(path: str, value: Any) -> HiddenValue:
    if isinstance(value, HiddenValue):
        return value
    text = as_text(value)
    if text is None:
        raise _refusal(f"{path} must be text")
    return HiddenValue(text)


def _refusal(problem: str) -> Exception:
    if not pyinfra.is_cli or ctx_state.get().current_deploy_filename is not None:
        return OperationTypeError(problem)
    # The other error would name a line of a file, although the call came from a command line.
    return cli_error(problem)
