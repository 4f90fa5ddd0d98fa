"""What a key may be, in words, and what is said of a value that it may not have."""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from spectral_repro.config.keys import described
from spectral_repro.errors import ConfigError, did_you_mean


def _parts(field: FieldInfo) -> list[FieldInfo]:
    """The alternatives of a union, None apart."""
    union = get_origin(field.annotation) in (Union, UnionType)
    return [FieldInfo.from_annotation(p) for p in get_args(field.annotation) if p is not NoneType] if union else []


def choices(field: FieldInfo) -> list[str]:
    """The values that a key may have, where they can be listed."""
    if parts := _parts(field):
        return [value for part in parts for value in choices(part)]
    if get_origin(field.annotation) is Literal:
        return list(get_args(field.annotation))
    return ["true", "false"] if field.annotation is bool else []


def allowed(field: FieldInfo) -> str:
    """What a key may be, as the end of a sentence: ``must be a whole number, at least 1``."""
    if field.title:
        return field.title
    if parts := _parts(field):
        return ", or ".join([allowed(parts[0]), *(allowed(part).removeprefix("must be ") for part in parts[1:])])
    if listed := choices(field):
        return f"must be {', '.join(listed[:-1])}{' or ' * (len(listed) > 1)}{listed[-1]}"
    bounds = {name: getattr(m, name) for m in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(m, name)}
    low, high = (bounds.get(f"{b}e", bounds.get(f"{b}t")) for b in "gl")
    if field.annotation is int:
        return f"must be a whole number, {f'at least {low}' if high is None else f'from {low} to {high}'}"
    if low is None:
        return "must be text" if field.annotation is str else "must be a group of keys"
    if high is None:
        return f"must be {'at least' if 'ge' in bounds else 'above'} {low}"
    return f"must be in {'[' if 'ge' in bounds else '('}{low}, {high}{']' if 'le' in bounds else ')'}"


def check(model: type[BaseModel], values: Mapping[str, Any], prefix: str = "") -> Any:
    """``values`` as an instance of ``model``.

    Raises:
        ConfigError: naming the first key that is wrong, its value and what is allowed.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    owner, node, field = model, values, None
    path: list[str] = []
    for part in map(str, first["loc"]):
        path.append(part)
        field = owner.model_fields.get(part)
        value = node.get(part)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)) or not isinstance(value, Mapping):
            break
        owner, node = inner, value
    key = prefix + ".".join(path)
    if field is None:
        if key in described():  # written with its dot into a file
            group, _, name = key.rpartition(".")
            raise ConfigError(key, value, f"write {group}: {{{name}: {value}}}")
        raise ConfigError(key, value, f"no such key{did_you_mean(key, described())}")
    raise ConfigError(key, value, allowed(field))
