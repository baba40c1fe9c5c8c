"""Every word of the dashboard, in English and Chinese, in one place: a file a page."""

from dashboard.i18n.words import compare, dataset, field, frame, jobs, listen, overview, runs

WORDS: dict[str, tuple[str, str]] = {
    **frame.WORDS,
    **field.WORDS,
    **overview.WORDS,
    **dataset.WORDS,
    **compare.WORDS,
    **jobs.WORDS,
    **runs.WORDS,
    **listen.WORDS,
}
