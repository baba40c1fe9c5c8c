"""Words of the dataset's page."""

WORDS: dict[str, tuple[str, str]] = {
    "dataset.empty": (
        "No dataset version in this store yet. Extract features, then freeze a version:",
        "存储中还没有数据集版本。请先提取特征，再固定版本：",
    ),
    "version": ("Version", "版本号"),
    "version.made": (
        "Frozen {when} · {labels} chord labels · extractor {extractor}",
        "固定于 {when} · {labels} 种和弦 · 提取器 {extractor}",
    ),
    "version.changes": (
        "Changes since the version before: {added} added, {removed} removed",
        "较上一版本：新增 {added}，移除 {removed}",
    ),
    "added": ("Added", "新增"),
    "removed": ("Removed", "移除"),
    "videos": ("Videos", "视频"),
    "videos.all": ("← All videos", "← 全部视频"),
    "length_total": ("Length", "总时长"),
    "hours": ("hours", "小时"),
    "split": ("Split", "划分"),
    "split.train": ("Training", "训练集"),
    "split.validation": ("Validation", "验证集"),
    "split.test": ("Test", "测试集"),
    "histogram.chords": ("Seconds of each chord", "各和弦秒数"),
    "histogram.keys": ("Keys", "调性分布"),
    "histogram.emotions": ("Strongest emotion", "主要情感"),
    "open_video": ("Open a video", "打开视频"),
    "open_video.hint": ("type an id …", "输入编号…"),
    "video.gone": (
        "{key} is no longer in the store; its features are.",
        "{key} 已不在存储中，但其特征仍在。",
    ),
    "thumbnails": ("Pictures of the video at even distances", "等间隔画面缩略图"),
    "features.gone": (
        "{key} is not in the store; run `vmt ingest` again.",
        "{key} 不在存储中；请重新运行 `vmt ingest`。",
    ),
    "extractors": ("Made by", "特征提取工具"),
    "quarantine": ("Quarantine: {n}", "隔离区：{n}"),
    "quarantine.none": ("No video was refused.", "没有被拒绝的视频。"),
    "quarantine.meaning": (
        "A refused video is tried again by itself when its bytes change.",
        "被拒绝的视频在内容变化后会自动重试。",
    ),
    "quarantine.retry": ("Try all of them again", "全部重试"),
    "code": ("Code", "代码"),
    "reason": ("Reason", "原因"),
    "refused_at": ("Refused", "拒绝于"),
}
