"""Words of the overview."""

WORDS: dict[str, tuple[str, str]] = {
    "store.empty": (
        "This store is empty. The demo fills one in a few minutes:",
        "存储为空。运行演示即可在几分钟内生成内容：",
    ),
    "champion": ("Serving now", "当前模型"),
    "champion.none": (
        "No model serves yet. Train one and promote it: `vmt promote RUN`.",
        "尚无在用模型。请先训练，再运行 `vmt promote RUN`。",
    ),
    "champion.since": (
        "serves since {when}, trained on {dataset}",
        "自 {when} 起使用，数据集 {dataset}",
    ),
    "champion.history": ("Served before ({n})", "此前的模型（{n}）"),
    "validation.chord": ("Chord NLL (val.)", "和弦 NLL（验证）"),
    "validation.total": ("Total (val.)", "总损失（验证）"),
    "validation.emotion": ("Emotion (val.)", "情感损失（验证）"),
    "bigram_nll": ("Bigram's chord NLL", "bigram 的和弦 NLL"),
    "running_now": ("Running now", "正在进行"),
    "running_now.none": ("No training is in progress.", "没有正在进行的训练。"),
    "failed": ("Failed", "失败"),
    "failed.none": ("Nothing failed.", "没有失败。"),
    "failed.no_reason": ("no reason was written", "未记录原因"),
    "failed.refused": ("{n} videos refused", "{n} 个视频被拒绝"),
    "newest": ("Newest soundtracks", "最新配乐"),
    "night": ("Last night", "昨夜"),
    "night.none": (
        "No nightly report in this store yet; the nightly job writes one under reports/.",
        "存储中还没有夜间报告；夜间流程会写入 reports/。",
    ),
    "night.when": ("Report of {when}", "报告时间：{when}"),
    "growth": ("Dataset growth", "数据集增长"),
    "growth.newest": ("{videos} videos, {length}", "{videos} 个视频，{length}"),
}
