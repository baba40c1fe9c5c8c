"""Words of comparing and of blind listening."""

WORDS: dict[str, tuple[str, str]] = {
    "page.compare": ("Compare", "对比"),
    "mode": ("What to do", "方式"),
    "mode.beside": ("Side by side", "并排对比"),
    "mode.blind": ("Blind listening", "盲听评分"),
    "mode.results": ("Results", "评分结果"),
    "beside": ("Soundtracks (up to four)", "配乐（最多四个）"),
    "chord_changes": ("Chord changes", "和弦变化次数"),
    "blind.meaning": (
        "Two soundtracks of the same film in random order. Which is which is told after "
        "rating. 1 is bad, 5 is good.",
        "同一视频的两个配乐，顺序随机；评分后揭晓来源。1 为差，5 为好。",
    ),
    "blind.too_few": (
        "This video has only one soundtrack; two are needed.",
        "该视频只有一个配乐，至少需要两个。",
    ),
    "blind.send": ("Send and reveal", "提交并揭晓"),
    "blind.incomplete": (
        "Please answer all five questions for both.",
        "请为两个配乐回答全部五个问题。",
    ),
    "blind.thanks": (
        "Thank you. A was {first}; B was {second}.",
        "感谢评分。A 为 {first}；B 为 {second}。",
    ),
    "blind.next": ("Next pair", "下一组"),
    "comment": ("Comment (optional)", "评论（可选）"),
    "question": ("Question", "问题"),
    "question.overall": ("Overall quality", "整体质量"),
    "question.agreement": ("Agreement of music and video", "音乐与视频的契合度"),
    "question.harmony": ("Harmony", "和声"),
    "question.rhythm": ("Rhythm", "节奏"),
    "question.loudness": ("Loudness", "响度"),
    "mean": ("Mean", "均值"),
    "interval": ("95 % interval", "95% 置信区间"),
    "ratings.none": ("Nobody has rated yet.", "尚无评分。"),
    "ratings.export": ("Export all ratings as CSV", "导出全部评分（CSV）"),
}
