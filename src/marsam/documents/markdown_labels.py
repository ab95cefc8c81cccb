"""Where the labels of links and images in Markdown end, each looked for once.

``markdown-it-py`` reads on from every opening bracket, so that half a megabyte of ``![`` takes it
half a minute. What is found is the same here, but no bracket is read twice.
"""

from weakref import WeakKeyDictionary

from markdown_it import helpers
from markdown_it.rules_inline import StateInline


class Labels:
    """Stands for the module ``markdown_it.helpers`` in a parser."""

    parseLinkDestination = staticmethod(helpers.parseLinkDestination)  # noqa: N815
    parseLinkTitle = staticmethod(helpers.parseLinkTitle)  # noqa: N815

    def __init__(self) -> None:
        self._ends: WeakKeyDictionary[StateInline, dict[tuple[int, int, bool], int]]
        self._ends = WeakKeyDictionary()

    def parseLinkLabel(  # noqa: N802
        self,
        state: StateInline,
        start: int,
        disableNested: bool = False,  # noqa: N803
    ) -> int:
        """The place of the bracket that closes the one at ``start``; -1 if there is none.

        Args:
            state: of the parser, which reads a text.
            start: where the opening bracket is.
            disableNested: whether a link in the label makes it none.
        """
        ends = self._ends.setdefault(state, {})
        key = start, state.posMax, disableNested
        if key not in ends:
            before, state.pos = state.pos, start + 1
            ends[key] = self._end(state, is_link=disableNested)
            state.pos = before
        return ends[key]

    def _end(self, state: StateInline, *, is_link: bool) -> int:
        while state.pos < state.posMax:
            place = state.pos
            if state.src[place] == "]":
                return place
            state.md.inline.skipToken(state)
            if state.src[place] != "[":
                continue
            if state.pos > place + 1:  # a link
                if is_link:
                    return -1
                continue
            end = self.parseLinkLabel(state, place, is_link)
            if end < 0:  # then this label does not end, either
                return -1
            state.pos = end + 1
        return -1
