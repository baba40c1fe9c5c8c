"""Words of the table of runs and of one run."""

WORDS: dict[str, tuple[str, str]] = {
    # the table of runs
    "runs.empty": (
        "No run in this store yet. Freeze a dataset and train on it, or let the demo do "
        "everything:",
        "存储中还没有训练。请先固定数据集版本再训练，或运行演示：",
    ),
    "runs.none_left": ("No run fits the filter.", "没有符合筛选条件的训练。"),
    "runs.all": ("← All runs", "← 全部训练"),
    "runs.best_meaning": (
        "Chord NLL, total and emotion are validation losses at the best epoch; "
        "★ marks the least of all. Tick a row to open it; click a heading to sort.",
        "和弦 NLL、总损失、情感均为最佳 epoch 的验证损失，★ "
        "为全部之最。勾选一行即可打开；点击表头排序。",
    ),
    "open_run": ("Open a run", "打开训练"),
    "open_run.hint": ("type a name …", "输入名称…"),
    "filter": ("Filter", "筛选"),
    "filter.hint": ("run or dataset …", "训练或数据集…"),
    "overlay": ("Several runs in one chart", "多次训练对比"),
    "overlay.runs": ("Runs to overlay", "选择训练"),
    "overlay.hint": ("choose two or more …", "选择两个或更多…"),
    "validation_of": ("{loss}, validation", "{loss}，验证集"),
    # one run
    "run.gone": ("There is no run {run} in this store.", "存储中没有训练 {run}。"),
    "run.starting": ("Run {run} has written nothing yet.", "训练 {run} 尚未写入任何结果。"),
    "run.no_epoch": (
        "No epoch is finished yet; the table appears after epoch 0.",
        "尚无完成的 epoch；epoch 0 之后将显示表格。",
    ),
    "run.progress": ("epoch {done} of {planned}", "第 {done} / {planned} 个 epoch"),
    "run.stale": (
        "Nothing new since {when}. If no worker is training it any more, start the same "
        "training again: it resumes.",
        "自 {when} 起没有更新。如已无工作进程在训练，请重新启动同一训练：它会从中断处继续。",
    ),
    "champion_at": ("champion, epoch {epoch}", "当前冠军，epoch {epoch}"),
    "selected_by": (
        "Validation losses at the best epoch, which is the one with the least validation loss: "
        "{loss}.",
        "以上为最佳 epoch 的验证损失；最佳 epoch 按最小验证损失选择：{loss}。",
    ),
    "best.chord": ("Chord NLL", "和弦 NLL"),
    "best.total": ("Total", "总损失"),
    "best.emotion": ("Emotion", "情感损失"),
    "last_rate": ("Last learning rate", "最终学习率"),
    "curves": ("Curves", "曲线"),
    "best_at": ("best: {epoch}", "最佳：{epoch}"),
    "loss.total": ("Total loss", "总损失"),
    "loss.chord": ("Chord loss (NLL)", "和弦损失（NLL）"),
    "loss.emotion": ("Emotion loss", "情感损失"),
    "baseline.unigram": ("unigram", "unigram"),
    "baseline.bigram": ("bigram", "bigram"),
    "baseline.constant": ("constant", "常数"),
    "baseline.meaning": (
        "Dashed lines: n-grams that never see the video.",
        "虚线为不看视频的 n-gram 基线。",
    ),
    "baseline.repeat_last": (
        "Repeating the last chord is right in {share} of the validation seconds.",
        "在验证集上，重复上一个和弦的正确率为 {share}。",
    ),
    "losses": ("Losses", "损失"),
    "final_epoch": ("Final epoch: {epoch}", "最终 epoch：{epoch}"),
    "the_best_epoch": ("Best epoch: {epoch}", "最佳 epoch：{epoch}"),
    "last_five": ("Last five epochs", "最后 5 个 epoch"),
    "all_epochs": (
        "All {n} epochs, from the untrained epoch 0",
        "全部 {n} 个 epoch（含未训练的 epoch 0）",
    ),
    "bold_is_least": ("Bold: the least of its column.", "粗体：该列最小值。"),
    "download_csv": ("Download results.csv", "下载 results.csv"),
    "download_png": (
        "Point at a chart, or tab to it, to download it as PNG.",
        "将鼠标移到图表上（或用 Tab 键选中），即可下载 PNG。",
    ),
    "analysis": ("Analysis", "分析"),
    "analysis.none": (
        "No report of this run yet; training writes one at its end, and so does:",
        "该训练还没有报告；训练结束时会自动生成，也可运行：",
    ),
    "regression": ("Regression: note density and loudness", "回归：音符密度与响度"),
    "rmse_of": ("RMSE, {what}", "RMSE，{what}"),
    "rmse.reached": ("{value}, a constant has {constant}", "{value}，常数基线为 {constant}"),
    "parameters": ("Parameters", "参数"),
    "parameters.run": ("Run", "训练"),
    "parameters.model": ("Model", "模型"),
    "parameters.train": ("Training", "训练设置"),
}
