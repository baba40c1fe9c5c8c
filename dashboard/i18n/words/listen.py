"""Words of a soundtrack's page."""

WORDS: dict[str, tuple[str, str]] = {
    "listen.empty": (
        "No soundtrack in this store yet. Write one for a video:",
        "存储中还没有配乐。为视频生成配乐：",
    ),
    "listen.unfinished": (
        "{prefix} has no record: it is still being written, or was cut short. Run the same "
        "generation again.",
        "{prefix} 中有文件但没有记录：仍在写入或已中断。请重新运行同一生成任务。",
    ),
    "sound_alone": ("Sound alone", "仅音频"),
    "made_at": ("Made", "生成于"),
    "timeline": ("Timeline", "时间线"),
    "timeline.meaning": (
        "Minutes and seconds, one axis for all rows. Vertical dashed lines are the {cuts} cuts "
        "found in the picture.",
        "时间为 分:秒，各行共用同一时间轴。竖直虚线为画面中检测到的 {cuts} 处镜头切换。",
    ),
    "playhead.meaning": (
        "The line follows whatever plays; click into the charts to move it.",
        "竖线跟随正在播放的内容；点击图表可跳转到对应时间。",
    ),
    "zip.take": ("This take (.zip)", "此版本（.zip）"),
    "zip.takes": ("All {n} takes of this video (.zip)", "该视频的全部 {n} 个版本（.zip）"),
    "zip.batch": ("A batch (.zip)", "整批下载（.zip）"),
    "zip.meaning": (
        "A zip is written while it is downloaded and holds up to {gib} GiB.",
        "压缩包在下载时即时生成，最大 {gib} GiB。",
    ),
    "piano_roll": ("Piano roll", "钢琴卷帘"),
    "piano_roll.empty": ("The MIDI file holds no notes.", "MIDI 文件中没有音符。"),
    "files": ("Files", "文件"),
    "file.mp4": ("Video", "视频"),
    "file.flac": ("Sound", "音频"),
    "file.mid": ("Notes", "音符"),
    "file.lab": ("Chords", "和弦"),
    "file.json": ("Record", "记录"),
    "made_with": ("Made with these settings", "生成设置"),
}
