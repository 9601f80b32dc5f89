"""The base of all answers: typed attributes over the server's values, including fields this version does not know."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

# Which class reads an event's data, by the event's type; and which any object, by its field `object`.
_EVENTS: dict[str, type[VinrObject]] = {}
_KINDS: dict[str, type[VinrObject]] = {}


class VinrObject:
    """An object as answered. Read fields as attributes, or as `object["field"]` if Python reserves the name.

    You can't change it; `to_dict()` returns a copy of the server's values. Instants are Unix seconds.
    """

    _nested: ClassVar[dict[str, type[VinrObject]]] = {}
    _kind: ClassVar[str] = ""
    _events: ClassVar[tuple[str, ...]] = ()
    _values: dict[str, Any]
    _request_id: str | None

    def __init__(self, values: Mapping[str, Any], *, request_id: str | None = None) -> None:
        fields = {name: _read(value, self._nested.get(name), values) for name, value in values.items()}
        self.__dict__.update(fields, _values=dict(values), _request_id=request_id)

    def __init_subclass__(cls) -> None:
        if cls._kind:
            _KINDS[cls._kind] = cls
        _EVENTS.update(dict.fromkeys(cls._events, cls))

    @property
    def request_id(self) -> str | None:
        """The id of the request that this object answers; None if the object is nested in another."""
        own = self._values.get("request_id")
        return own if isinstance(own, str) else self._request_id

    def to_dict(self) -> dict[str, Any]:
        """The plain values, as the server sent them."""
        return copy.deepcopy(self._values)

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            raise KeyError(name)
        return self.__dict__[name]

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, VinrObject) and other._values == self._values

    __hash__ = None  # type: ignore[assignment]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is the server's answer. To change {name}, call an update.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is the server's answer: {name} can't be removed.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._values, self._request_id)

    if not TYPE_CHECKING:  # type checkers know the declared fields and find typos

        def __getattr__(self, name: str) -> Any:
            known = ", ".join(self.__dict__.get("_values", ()))
            raise AttributeError(f"{type(self).__name__} has no field {name!r}. It has: {known}.")


class Data(VinrObject):
    """What an event is about: the object itself, in its own class, if the engine sent the event."""


def _restore(kind: type[VinrObject], values: dict[str, Any], request_id: str | None) -> VinrObject:
    return kind(values, request_id=request_id)


def _read(value: Any, kind: type[VinrObject] | None, holder: Mapping[str, Any]) -> Any:
    if kind is not None and isinstance(value, dict):
        return (_data_kind(holder.get("type"), value.get("object")) if kind is Data else kind)(value)
    if kind is not None and isinstance(value, list):
        return [_read(item, kind, holder) for item in value]
    return value


def _data_kind(event_type: object, named: object) -> type[VinrObject]:
    """The class of an event's data. If this version does not know the type, the object's name decides."""
    return _EVENTS.get(str(event_type)) or _KINDS.get(str(named)) or Data
