"""Words of the jobs' page and its forms."""

WORDS: dict[str, tuple[str, str]] = {
    "page.jobs": ("Jobs", "任务"),
    "jobs.no_server": (
        "No Prefect server answers, so nothing can be started or followed; reading and "
        "listening go on. ({error})",
        "Prefect 服务器没有响应，无法启动或跟踪任务；查看与试听不受影响。（{error}）",
    ),
    "jobs.start_server": (
        "Start the whole stack, or name a running server when you start the dashboard:",
        "启动整套服务，或在启动面板时指定已有服务器：",
    ),
    "jobs.viewer": (
        "You are signed in as a viewer: only operators start, cancel and schedule jobs.",
        "当前为查看者身份：只有操作员可以启动、取消和安排任务。",
    ),
    "jobs.start": ("Start a job", "启动任务"),
    "jobs.recent": ("Recent jobs", "近期任务"),
    "jobs.recent.none": ("No job has run yet.", "尚未运行任何任务。"),
    "jobs.schedules": ("Schedules", "定时计划"),
    "jobs.schedules.none": ("No job has a schedule.", "没有定时计划。"),
    "jobs.started": ("Asked for {name}. It is followed below.", "已提交 {name}，进度见下。"),
    "job": ("Job", "任务"),
    "job.generate": ("Write soundtracks", "生成配乐"),
    "job.train": ("Train", "训练"),
    "job.ingest": ("Ingest new videos", "处理新视频"),
    "job.nightly": ("Nightly run", "夜间流程"),
    "job.ingest.meaning": (
        "Extracts features of every video under videos/ that is new or has changed.",
        "为 videos/ 下新增或变化的视频提取特征。",
    ),
    "job.nightly.meaning": (
        "Ingest, freeze, train if the dataset grew enough, promote, and write the soundtracks "
        "of showcase and inbox.",
        "处理视频、固定数据集、数据足够增长时训练、择优上线，并生成展示与收件箱的配乐。",
    ),
    "job.evaluate": ("Evaluate", "评估"),
    "job.compare": ("Compare runs", "对比训练"),
    "job.promote": ("Promote or roll back", "上线或回滚"),
    "job.evaluate.meaning": (
        "Scores a run's epoch beside the baselines; the table goes under evaluations/.",
        "将某次训练的 epoch 与基线一同评分；结果写入 evaluations/。",
    ),
    "job.compare.meaning": (
        "Runs write soundtracks for the same videos with the same seed and are scored side by "
        "side.",
        "各训练以相同种子为相同视频生成配乐，并列评分。",
    ),
    "job.promote.meaning": (
        "Says which epoch writes soundtracks from now on. Rolling back brings back the one "
        "that served before.",
        "指定此后由哪个 epoch 生成配乐；回滚则恢复之前的模型。",
    ),
    "retry_refused": ("Try refused videos again", "重试被拒绝的视频"),
    "nightly.force": ("Train even if the dataset did not grow", "即使数据集未增长也训练"),
    "rollback": ("Roll back to the one that served before", "回滚到之前的模型"),
    "promote.which": ("choose a run …", "选择训练…"),
    "promote.one_of": (
        "Choose a run, or roll back: one of the two.",
        "请选择一次训练，或选择回滚，二者择一。",
    ),
    "promote.this": ("Let it serve", "设为当前模型"),
    "its_best": ("its best", "其最佳"),
    "epoch.of_which": ("An epoch of which run? Choose one.", "请选择该 epoch 所属的训练。"),
    "contenders": ("Runs to compare", "参与对比的训练"),
    "contenders.hint": ("the champion and the one before", "当前模型与之前的模型"),
    "contenders.two": ("Choose two runs or more, or none.", "请至少选择两次训练，或不选。"),
    "videos.held_out": ("the held-out videos", "测试集视频"),
    "start": ("Start", "启动"),
    "cancel": ("Cancel", "取消"),
    "follow": ("Follow a job", "跟踪任务"),
    "log": ("Log", "日志"),
    "log.none": ("No log line yet.", "尚无日志。"),
    "parameters.given": ("Given: {parameters}", "参数：{parameters}"),
    "upload": (
        "Upload a video into inbox/ (up to {mib} MiB)",
        "上传视频到 inbox/（最大 {mib} MiB）",
    ),
    "upload.larger": (
        "A larger film goes into inbox/ with any S3 client, or by `vmt generate FILE`; here "
        "{mib} MiB is the most, "
        "for an upload passes through the memory of this server.",
        "更大的视频请用 S3 客户端放入 inbox/，或运行 `vmt generate FILE`；上传会占用本服务器内存，故上限为 {mib} "  # noqa: E501
        "MiB。",
    ),
    "upload.done": ("{key} is in the store and chosen below.", "{key} 已存入，并已在下方选中。"),
    "upload.there": (
        "{key} is there already; choose it below, or rename the file.",
        "{key} 已存在；请在下方选择，或重命名文件。",
    ),
    "choose_videos": ("Videos", "视频"),
    "choose_videos.hint": (
        "choose or type, such as inbox/holiday.mp4 …",
        "选择或输入，例如 inbox/holiday.mp4 …",
    ),
    "choose_videos.missing": (
        "Not in the store: {keys}. Names begin with inbox/ or videos/.",
        "存储中没有：{keys}。名称须以 inbox/ 或 videos/ 开头。",
    ),
    "choose_videos.none": (
        "Choose at least one video, or upload one.",
        "请至少选择或上传一个视频。",
    ),
    "champions": ("the one that serves now", "当前模型"),
    "style": ("Style", "风格"),
    "auto": ("automatic", "自动"),
    "tempo_bpm": ("Tempo (bpm)", "速度（bpm）"),
    "seed": ("Seed", "随机种子"),
    "accents": ("Accents on cuts", "切换处重音"),
    "temperature": ("Temperature", "温度"),
    "top_p": ("Top-p", "Top-p"),
    "original_sound": ("The video's own sound", "视频原声"),
    "original_sound.replace": ("replaced", "替换"),
    "original_sound.mix": ("kept beneath", "混合保留"),
    "original_sound.duck": ("kept, music ducks", "保留并压低音乐"),
    "density_scale": ("Note density, times", "音符密度倍数"),
    "loudness_scale": ("Loudness swings, times", "响度起伏倍数"),
    "lufs": ("Loudness (LUFS)", "整体响度（LUFS）"),
    "stems": ("Each instrument as its own file", "另存各声部音频"),
    "emotion.of_picture": ("the picture's", "取自画面"),
    "like.meaning": (
        "The controls show the settings of the take you came from; the same settings give the "
        "same take.",
        "各控件显示所选版本的设置；设置相同则结果相同。",
    ),
    "learn_rate.peak": ("Learning rate (peak or factor)", "学习率（峰值或系数）"),
    "warmup_steps": ("Warm-up steps", "预热步数"),
    "patience": ("Patience (epochs, 0 is off)", "早停耐心（epoch，0 为关闭）"),
    "weight_decay": ("Weight decay", "权重衰减"),
    "label_smoothing": ("Label smoothing", "标签平滑"),
    "select_by": ("Best epoch by", "最佳 epoch 依据"),
    "batch_size": ("Batch size", "批次大小"),
    "dropout": ("Dropout", "Dropout"),
    "preset_default": ("the preset's", "预设值"),
    "promote": ("Let its best epoch serve afterwards", "训练后启用最佳 epoch"),
    "another_take": ("Make another take", "再生成一个版本"),
    "schedule.on": ("{job}: {cron} (UTC)", "{job}：{cron}（UTC）"),
    "schedule.paused": ("paused", "已暂停"),
}
