"""The find box: one hit goes straight to it, several are listed, none says what to try."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from oms.console import find
from oms.console.shell import current_store, page


@require_safe
def lookup(request: HttpRequest) -> HttpResponse:
    """Look for whatever was typed, in everything that an agent may be told."""
    question = find.Question.of(request.GET.get("q", ""))
    store = current_store(request)
    found = find.search(question, store) if store and question.text else None
    if found and (hit := found.only):
        return redirect(hit.url)
    return page(request, "console/lookup.html", {"question": question, "found": found})


PAGES = [("find/", lookup, "find")]
