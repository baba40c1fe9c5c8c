"""Words of the frame around every page."""

WORDS: dict[str, tuple[str, str]] = {
    "language": ("Language", "语言"),
    "store_is": ("Store: {url}", "存储：{url}"),
    "try_again": ("Try again", "重试"),
    "error.unavailable": ("The object store does not answer. {error}", "对象存储没有响应。{error}"),
    "page.overview": ("Overview", "概览"),
    "page.dataset": ("Dataset", "数据集"),
    "page.runs": ("Runs", "训练"),
    "page.listen": ("Listen", "试听"),
    "selection.gone": (
        "{name} “{value}” is not here; showing another.",
        "此处没有{name}“{value}”，已显示其他内容。",
    ),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "any": ("any", "不限"),
    "name": ("Name", "名称"),
    "value": ("Value", "值"),
}
