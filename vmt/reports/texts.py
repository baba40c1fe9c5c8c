"""What a report can say, in English and Chinese: a template for each finding and heading, filled
with numbers.
"""

LANGUAGES = ("en", "zh")

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Training report: {run}", "模型训练报告：{run}"),
    "overview": ("Overview", "训练概况"),
    "configuration": ("Configuration", "训练配置"),
    "final": ("Final epoch ({epoch})", "最终 epoch（{epoch}）"),
    "best": ("Best epoch ({epoch})", "最佳 epoch（{epoch}）"),
    "last_five": ("Last epochs", "训练趋势（最后几个 epoch）"),
    "curves": ("Curves", "损失曲线"),
    "analysis": ("Analysis", "训练分析"),
    "weights": ("Weight files", "权重文件"),
    "outputs": ("Generated outputs", "生成结果"),
    "strengths": ("Strengths", "优点"),
    "improve": ("What to improve", "需要改进的地方"),
    "advice": ("Advice", "建议"),
    "next": ("Next steps", "下一步工作"),
    "none": ("The numbers give no reason to say anything here.", "现有数据没有可说明的内容。"),
    "no_outputs": ("Nothing is generated with this run yet.", "此模型尚未生成任何结果。"),
    "item": ("item", "项目"),
    "value": ("value", "值"),
    "metric": ("loss", "指标"),
    "file": ("file", "文件"),
    "size": ("size", "大小"),
    "video": ("video", "视频"),
    "epoch": ("epoch", "Epoch"),
    "train": ("training", "训练集"),
    "validation": ("validation", "验证集"),
    "total": ("total", "总损失"),
    "chord": ("chord", "和弦损失"),
    "emotion": ("emotion", "情感损失"),
    "rate": ("learning rate", "学习率"),
    "train_total": ("training total", "训练总损失"),
    "validation_total": ("validation total", "验证总损失"),
    "train_chord": ("training chord", "训练和弦损失"),
    "validation_chord": ("validation chord", "验证和弦损失"),
    "train_lowest": (
        "The training total is lowest at epoch {epoch} ({value:.4f}).",
        "训练总损失在第 {epoch} 个 epoch 达到最低（{value:.4f}）。",
    ),
    "validation_lowest": (
        "The validation total is lowest at epoch {epoch} ({value:.4f}).",
        "验证总损失在第 {epoch} 个 epoch 达到最低（{value:.4f}）。",
    ),
    "above_best": (
        "From epoch {first} to {last} it stays above its best, by at most {excess:.1%}: {grade}.",
        "第 {first} 至第 {last} 个 epoch 的验证损失高于最佳值，最多高出 {excess:.1%}：{grade}。",
    ),
    "slight": ("slight over-fitting", "轻微过拟合"),
    "marked": ("marked over-fitting", "明显过拟合"),
    "rising": (
        "Epochs at which it goes on rising: {epochs}.",
        "验证损失在第 {epochs} 个 epoch 继续上升。",
    ),
    "coming_back": (
        "At epoch {epoch} it comes back to {value:.4f}.",
        "第 {epoch} 个 epoch 的验证损失回落至 {value:.4f}。",
    ),
    "higher": (
        "At epoch {epoch} the {loss} loss is higher on validation ({validation:.4f}) than on "
        "training ({train:.4f}).",
        "第 {epoch} 个 epoch 的验证集{loss}（{validation:.4f}）高于训练集（{train:.4f}）。",
    ),
    "lower": (
        "At epoch {epoch} the {loss} loss on validation ({validation:.4f}) is not above "
        "training ({train:.4f}).",
        "第 {epoch} 个 epoch 的验证集{loss}（{validation:.4f}）低于训练集（{train:.4f}）。",
    ),
    "no_validation": ("There is no validation set to judge by.", "没有验证集，无法判断泛化能力。"),
    "steady": (
        "The validation total changes by at most {change:.1%} from one of the last epochs to "
        "the next.",
        "最后几个 epoch 之间验证总损失的变化不超过 {change:.1%}，训练稳定。",
    ),
    "swings": (
        "The validation total swings by up to {change:.1%} from one of the last epochs to the "
        "next.",
        "最后几个 epoch 之间验证总损失的波动达 {change:.1%}。",
    ),
    "converged": (
        "The training total has levelled off: it moved by {change:+.1%} over the last {epochs} "
        "epochs.",
        "训练总损失趋于稳定：最后 {epochs} 个 epoch 变化 {change:+.1%}。",
    ),
    "falling": (
        "The training total still falls: {change:+.1%} over the last {epochs} epochs.",
        "训练总损失仍在下降：最后 {epochs} 个 epoch 变化 {change:+.1%}。",
    ),
    "generalises": (
        "The {loss} loss carries over to unseen songs ({validation:.4f} against {train:.4f}).",
        "{loss}泛化良好（验证集 {validation:.4f}，训练集 {train:.4f}）。",
    ),
    "gap": (
        "The {loss} loss is {gap:.1%} higher on unseen songs ({validation:.4f} against "
        "{train:.4f}).",
        "验证集{loss}（{validation:.4f}）比训练集（{train:.4f}）高 {gap:.1%}，存在过拟合。",
    ),
    "beats": (
        "The best chord loss {value:.4f} is under the {baseline}'s {other:.4f}.",
        "最佳和弦损失 {value:.4f} 低于 {baseline} 的 {other:.4f}。",
    ),
    "beaten": (
        "The best chord loss {value:.4f} is not under the {baseline}'s {other:.4f}, which "
        "never sees the video.",
        "最佳和弦损失 {value:.4f} 不低于不看视频的 {baseline}（{other:.4f}）。",
    ),
    "few_videos": (
        "{videos} training videos are few: under {enough}.",
        "训练视频只有 {videos} 个（少于 {enough} 个），可能不足以充分训练模型。",
    ),
    "train_on": (
        "Train on past epoch {epoch}: the loss still falls.",
        "继续训练第 {epoch} 个 epoch 之后：损失仍在下降。",
    ),
    "tune": (
        "Rather than more epochs, try other settings: learning rate {rate:g} and dropout "
        "{dropout:g} now.",
        "训练已趋于稳定，可调整超参数：目前学习率 {rate:g}，dropout {dropout:g}。",
    ),
    "stop_early": (
        "Stop early: {epochs} epochs after the best one brought nothing (--set "
        "patience={patience}).",
        "可设置早停：最佳 epoch 之后的 {epochs} 个 epoch 没有改进（--set patience={patience}）。",
    ),
    "regularise": (
        "Against the gap of {gap:.1%}, raise dropout (now {dropout:g}) or feature noise (now "
        "{noise:g}).",
        "针对 {gap:.1%} 的差距，可提高 dropout（目前 {dropout:g}）或特征噪声（目前 {noise:g}）。",
    ),
    "more_videos": (
        "Collect more videos, {enough} or more, and freeze again.",
        "扩大数据集至 {enough} 个视频以上，再重新冻结版本。",
    ),
    "simpler": (
        "Take a smaller model, or the preset demo: {parameters:,} parameters do not beat a "
        "{baseline} here.",
        "可改用更小的模型：{parameters:,} 个参数尚未超过 {baseline}。",
    ),
    "trained": ("✅ Trained to epoch {epoch}.", "✅ 模型训练完成（{epoch} 个 epoch）。"),
    "unfinished": (
        "⏳ Training stands at epoch {epoch} of {planned}.",
        "⏳ 训练进行到第 {epoch}/{planned} 个 epoch。",
    ),
    "generated": ("✅ Soundtracks of {videos}.", "✅ 已生成结果（{videos}）。"),
    "generate": ("⏳ Generate soundtracks with this run.", "⏳ 用此模型生成结果。"),
    "evaluated": ("✅ Evaluated {times} times.", "✅ 已评估 {times} 次。"),
    "evaluate": (
        "⏳ Evaluate it beside the baselines: vmt evaluate {run}.",
        "⏳ 与基线对比评估：vmt evaluate {run}。",
    ),
    "compare": (
        "⏳ Compare what epochs {best} and {last} generate: vmt compare {run}@{best} {run}@{last}.",
        "⏳ 对比第 {best} 与第 {last} 个 epoch 的生成效果：vmt compare {run}@{best} {run}@{last}。",
    ),
}


def say(language: str, name: str, **values: object) -> str:
    """The text `name` in a language, filled with numbers."""
    return TEXTS[name][LANGUAGES.index(language)].format(**values)
