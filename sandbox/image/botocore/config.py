from __future__ import annotations

from typing import Any


class Config:
    def __init__(self, **options: Any) -> None:
        self.options = options
