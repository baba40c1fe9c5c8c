"""Every word of the dashboard, in English and Chinese, in one place."""

import streamlit as st

LANGUAGES = {"en": "English", "zh": "中文"}

WORDS: dict[str, tuple[str, str]] = {
    # the frame
    "language": ("Language", "语言"),
    "store_is": ("Store: {url}", "存储：{url}"),
    "try_again": ("Try again", "重试"),
    "error.unavailable": ("The object store does not answer. {error}", "对象存储没有响应。{error}"),
    "page.runs": ("Runs", "训练"),
    "page.listen": ("Listen", "试听"),
    "selection.gone": ("{name} “{value}” is not here; showing another.", "此处没有{name}“{value}”，已显示其他内容。"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "any": ("any", "不限"),
    "name": ("Name", "名称"),
    "value": ("Value", "值"),
    # words of the field
    "run": ("Run", "训练"),
    "epoch": ("Epoch", "Epoch"),
    "epochs": ("Epochs", "Epoch 数"),
    "video": ("Video", "视频"),
    "take": ("Take", "版本"),
    "preset": ("Preset", "预设"),
    "dataset": ("Dataset", "数据集"),
    "state": ("State", "状态"),
    "train": ("train", "训练集"),
    "validation": ("validation", "验证集"),
    "set": ("Set", "集合"),
    "loss": ("Loss", "损失"),
    "measure": ("Measure", "指标"),
    "total": ("Total", "总损失"),
    "emotion": ("Emotion", "情感"),
    "chord_nll": ("Chord NLL", "和弦 NLL"),
    "chord": ("Chord", "和弦"),
    "chords": ("Chords", "和弦"),
    "learn_rate": ("Learning rate", "学习率"),
    "started": ("Started", "开始于"),
    "took": ("Took", "用时"),
    "clip": ("CLIP", "CLIP"),
    "best_epoch": ("Best epoch", "最佳 epoch"),
    "chord_labels": ("{n} chord labels", "{n} 种和弦"),
    "note_density": ("Note density", "音符密度"),
    "loudness": ("Loudness", "响度"),
    "motion": ("Motion", "画面运动"),
    "major": ("major-like", "大调类"),
    "minor": ("minor-like", "小调类"),
    "no_chord": ("no chord", "无和弦"),
    "key": ("Key", "调性"),
    "tempo": ("Tempo", "速度"),
    "length": ("Length", "时长"),
    "seconds": ("seconds", "秒"),
    "from_s": ("from (s)", "起（秒）"),
    "to_s": ("to (s)", "止（秒）"),
    "share": ("share", "占比"),
    "cut": ("Cut at (s)", "镜头切换（秒）"),
    "pitch": ("Pitch (MIDI)", "音高（MIDI）"),
    "part": ("Part", "声部"),
    "velocity": ("Velocity", "力度"),
    "emotion.exciting": ("exciting", "激动"),
    "emotion.fearful": ("fearful", "恐惧"),
    "emotion.tense": ("tense", "紧张"),
    "emotion.sad": ("sad", "悲伤"),
    "emotion.relaxing": ("relaxing", "放松"),
    "emotion.neutral": ("neutral", "中性"),
    "state.running": ("running", "进行中"),
    "state.done": ("done", "完成"),
    "state.failed": ("failed", "失败"),
    "state.starting": ("starting", "启动中"),
    "untrained": ("untrained CLIP weights", "CLIP 权重未经训练"),
    "untrained_short": ("untrained", "未训练"),
    "untrained.meaning": (
        "The picture was read with untrained CLIP weights: its features and emotions say nothing about what is seen.",
        "画面特征由未经训练的 CLIP 权重提取：语义与情感特征不反映画面内容。",
    ),
    # the table of runs
    "runs.empty": (
        "No run in this store yet. Freeze a dataset and train on it, or let the demo do everything:",
        "存储中还没有训练。请先固定数据集版本再训练，或运行演示：",
    ),
    "runs.none_left": ("No run fits the filter.", "没有符合筛选条件的训练。"),
    "runs.all": ("← All runs", "← 全部训练"),
    "runs.best_meaning": (
        "Chord NLL, total and emotion are validation losses, each run's least; "
        "★ marks the least of all. Tick a row to open it; click a heading to sort.",
        "和弦 NLL、总损失、情感均为各次训练的最小验证损失，★ 为全部之最。勾选一行即可打开；点击表头排序。",
    ),
    "open_run": ("Open a run", "打开训练"),
    "open_run.hint": ("type a name …", "输入名称…"),
    "filter": ("Filter", "筛选"),
    "filter.hint": ("run or dataset …", "训练或数据集…"),
    "overlay": ("Several runs in one chart", "多次训练对比"),
    "overlay.runs": ("Runs to overlay", "选择训练"),
    "overlay.hint": ("choose two or more …", "选择两个或更多…"),
    "validation_of": ("validation, {loss}", "验证集，{loss}"),
    # one run
    "run.gone": ("There is no run {run} in this store.", "存储中没有训练 {run}。"),
    "run.starting": ("Run {run} has written nothing yet.", "训练 {run} 尚未写入任何结果。"),
    "run.no_epoch": (
        "No epoch is finished yet; the table appears after epoch 0.",
        "尚无完成的 epoch；epoch 0 之后将显示表格。",
    ),
    "run.progress": ("epoch {done} of {planned}", "第 {done} / {planned} 个 epoch"),
    "run.stale": (
        "Nothing new since {when}. If no worker is training it any more, start the same training again: it resumes.",
        "自 {when} 起没有更新。如已无工作进程在训练，请重新启动同一训练：它会从中断处继续。",
    ),
    "champion_at": ("champion, epoch {epoch}", "当前冠军，epoch {epoch}"),
    "selected_by": ("Selected by the least validation loss: {loss}.", "按最小验证损失选择：{loss}。"),
    "best.chord": ("Best chord NLL", "最佳和弦 NLL"),
    "best.total": ("Best total", "最佳总损失"),
    "best.emotion": ("Best emotion", "最佳情感损失"),
    "last_rate": ("Last learning rate", "最终学习率"),
    "curves": ("Curves", "曲线"),
    "best_at": ("best: {epoch}", "最佳：{epoch}"),
    "loss.total": ("Total loss", "总损失"),
    "loss.chord": ("Chord loss (NLL)", "和弦损失（NLL）"),
    "loss.emotion": ("Emotion loss", "情感损失"),
    "baseline.unigram": ("unigram", "unigram"),
    "baseline.bigram": ("bigram", "bigram"),
    "baseline.constant": ("constant", "常数"),
    "baseline.repeat_last": (
        "Dashed lines: n-grams that never see the video. "
        "Repeating the last chord is right in {share} of the validation seconds.",
        "虚线为不看视频的 n-gram 基线。在验证集上，重复上一个和弦的正确率为 {share}。",
    ),
    "losses": ("Losses", "损失"),
    "final_epoch": ("Final epoch: {epoch}", "最终 epoch：{epoch}"),
    "the_best_epoch": ("Best epoch: {epoch}", "最佳 epoch：{epoch}"),
    "last_five": ("Last five epochs", "最后 5 个 epoch"),
    "all_epochs": ("All {n} epochs, from the untrained epoch 0", "全部 {n} 个 epoch（含未训练的 epoch 0）"),
    "bold_is_least": ("Bold: the least of its column.", "粗体：该列最小值。"),
    "download_csv": ("Download results.csv", "下载 results.csv"),
    "regression": ("Regression: note density and loudness", "回归：音符密度与响度"),
    "rmse_of": ("RMSE, {what}", "RMSE，{what}"),
    "rmse.reached": ("{value}, a constant has {constant}", "{value}，常数基线为 {constant}"),
    "parameters": ("Parameters", "参数"),
    "parameters.run": ("Run", "训练"),
    "parameters.model": ("Model", "模型"),
    "parameters.train": ("Training", "训练设置"),
    # a soundtrack
    "listen.empty": ("No soundtrack in this store yet. Write one for a video:", "存储中还没有配乐。为视频生成配乐："),
    "listen.unfinished": (
        "{prefix} has no record: it is still being written, or was cut short. Run the same generation again.",
        "{prefix} 中有文件但没有记录：仍在写入或已中断。请重新运行同一生成任务。",
    ),
    "sound_alone": ("Sound alone", "仅音频"),
    "made_at": ("Made", "生成于"),
    "timeline": ("Timeline", "时间线"),
    "timeline.meaning": (
        "Minutes and seconds, one axis for all rows. Vertical dashed lines are the {cuts} cuts found in the picture.",
        "时间为 分:秒，各行共用同一时间轴。竖直虚线为画面中检测到的 {cuts} 处镜头切换。",
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


def language() -> str:
    """`en` or `zh`: what the URL says, else what was chosen before, else what the browser prefers."""
    for code in (st.query_params.get("lang"), st.session_state.get("chosen_language")):
        if code in LANGUAGES:
            return str(code)
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"


def set_language(code: str) -> None:
    """Remember a choice, also in the URL where it differs from what the browser prefers."""
    st.session_state["chosen_language"] = code
    if code == "zh" or "lang" in st.query_params:
        st.query_params["lang"] = code


def t(name: str, /, **values: object) -> str:
    """The words of `name` in the visitor's language, with `{}` filled in."""
    text = WORDS[name][list(LANGUAGES).index(language())]
    return text.format(**values) if values else text
