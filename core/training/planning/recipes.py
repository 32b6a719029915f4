"""Recipes: functions from facts about data, model and machine to the settings of a run, with a reason for each choice.

A recipe never reads the rows themselves, so it can be shown and tested on facts alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.config.run_config import RunConfig
from core.errors import ConfigError
from core.text_format import shown
from core.training.planning.truncation import cut_at


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts that a recipe decides on.

    Attributes:
        head_level, exclusive_labels: as the task defines them.
        num_train: examples of the training split.
        num_inputs: inputs the model reads of them in an epoch; more than examples if long texts are read in windows.
        num_labels: labels, or entity types.
        smallest_label, largest_label: training examples of the rarest and of the most frequent label.
        num_parameters, num_layers: of the model; ``None`` if it has not been downloaded yet or does not declare them.
        pooling: pooling that the model declares.
        max_length: maximum input length of the model, in tokens.
        token_lengths: token counts of a sample of the texts; empty if they cannot be counted yet.
        has_gpu: whether training will use a GPU.
        precision: number format that ``automatic`` uses there.
    """

    head_level: str
    exclusive_labels: bool
    num_train: int
    num_labels: int
    smallest_label: int
    largest_label: int
    num_parameters: int | None
    num_layers: int | None
    pooling: str | None
    max_length: int
    token_lengths: Sequence[int]
    has_gpu: bool
    precision: str
    num_inputs: int | None = None

    def steps(self, batch_size: int) -> int:
        """Optimizer steps of an epoch."""
        return -(-(self.num_inputs or self.num_train) // batch_size)


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """Settings by field name, and why each was chosen, in a sentence."""

    values: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def but(self, name: str, value: Any, reason: str) -> "Recommendation":
        """The same with one setting changed."""
        return Recommendation(values={**self.values, name: value}, reasons={**self.reasons, name: reason})

    def without(self, name: str) -> "Recommendation":
        """The same with one setting left at its default."""
        return Recommendation(
            values={key: value for key, value in self.values.items() if key != name},
            reasons={key: reason for key, reason in self.reasons.items() if key != name},
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named way to choose settings."""

    name: str
    title: str
    summary: str
    recommend: Callable[[Facts], Recommendation]


LARGE_MODEL = 60_000_000
"""Parameters above which a model is fine-tuned with a low learning rate; small encoders do better with a high one."""

SMALL_DATASET = 1000
"""Training examples below which small batches are worth their time."""

LARGE_DATASET = 3000
"""Training examples from which token masking helps; with fewer, every word is needed (benchmarks/RESULTS.md)."""

DEEP = 6
"""Layers from which the lowest third can stay frozen without loss (benchmarks/RESULTS.md)."""

UNEVEN = 10
"""Ratio of the most frequent to the rarest label from which the recipe comments on class weights."""

LARGE_BATCH = 64
"""Batch size where the fewest epochs still give enough steps: fast, and no worse with layer-wise learning-rate decay."""

STEPS_WANTED = 500
"""Optimizer steps a run should have so that a small data set is learned well, too."""

FEWEST_EPOCHS, MOST_EPOCHS = 6, 20


def batch_size_of(config: RunConfig, num_train: int) -> int:
    """The batch size of a run: from its config, or the automatic one for this many training examples."""
    return config.training.batch_size or automatic_batch_size(num_train)


def automatic_batch_size(num_train: int) -> int:
    """Batch size: small for small data sets, so that there are enough steps, otherwise as large as is fast."""
    return 16 if num_train < SMALL_DATASET else 32


def automatic(facts: Facts) -> Recommendation:
    """Good results in a few minutes on most data: what to use unless there is a reason not to."""
    recommendation = Recommendation()
    for look in (_at_lengths, _at_the_machine, _at_rare_labels):
        recommendation = look(recommendation, facts)
    batch_size = automatic_batch_size(facts.num_train)
    recommendation = recommendation.but(
        "batch_size",
        batch_size,
        f"{facts.num_train:,} training examples: "
        + (
            "small batches give a small data set more steps."
            if batch_size == 16
            else f"batches of {batch_size} are fast and still accurate."
        ),
    )
    steps_per_epoch = max(1, facts.steps(batch_size))
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(STEPS_WANTED / steps_per_epoch)))
    recommendation = recommendation.but("epochs", epochs, _epochs_reason(epochs, epochs * steps_per_epoch))
    large = (facts.num_parameters or 0) > LARGE_MODEL
    learning_rate = 5e-5 if large else 3e-4 if facts.head_level == "token" else 2e-4
    recommendation = recommendation.but(
        "learning_rate",
        learning_rate,
        "A large model forgets its pretraining at a high learning rate."
        if large
        else "A small pretrained encoder learns best at a high learning rate; the usual 5e-5 gives lower accuracy.",
    )
    if not large and facts.num_parameters is not None:
        recommendation = recommendation.but(
            "trainable",
            "all_but_embeddings",
            "About half of a small model's parameters are word embeddings; freezing them saves time.",
        )
    if facts.head_level == "text" and facts.pooling is not None:
        return _pooled_head(recommendation, facts)
    return recommendation.but(
        "head_learning_rate", 10 * learning_rate if large else 2e-3, "The head starts untrained and needs larger steps."
    )


def _at_lengths(recommendation: Recommendation, facts: Facts) -> Recommendation:
    """No limit but the model's own: nothing is truncated that the model can read."""
    if not facts.token_lengths:
        return recommendation
    longest, cut = max(facts.token_lengths), cut_at(facts.token_lengths, facts.max_length)
    looked_at = f"{len(facts.token_lengths):,} sampled texts"
    if not cut.num_texts:
        reason = f"No text is truncated: the longest of {looked_at} has {longest:,} tokens, the limit is {facts.max_length:,}."
    else:
        fate = "are truncated" if facts.head_level == "text" else "are read in overlapping windows"
        reason = f"The model's own limit of {facts.max_length:,} tokens: {cut.num_texts:,} of {looked_at} are longer and {fate}."
    return recommendation.but("max_length", None, reason)


def _at_the_machine(recommendation: Recommendation, facts: Facts) -> Recommendation:
    """The fastest precision that gives the same result."""
    here = "GPU" if facts.has_gpu else "CPU"
    reason = {
        "bfloat16": f"This {here} has native bfloat16: several times faster than float32, with the same result.",
        "float16": f"float16, because this {here} has no native bfloat16. Loss scaling keeps small gradients from vanishing.",
        "float32": f"float32, because this {here} has neither native bfloat16 nor fast float16."
        if facts.has_gpu
        else f"float32, because this {here} has no native bfloat16.",
    }
    return recommendation.but("precision", "automatic", reason[facts.precision])


def _at_rare_labels(recommendation: Recommendation, facts: Facts) -> Recommendation:
    """No class weights: they trade precision for recall, and a recipe cannot know which matters more (benchmarks/RESULTS.md)."""
    if facts.largest_label < UNEVEN * max(1, facts.smallest_label):
        return recommendation
    what = "labels" if facts.head_level == "text" else "entity types"
    return recommendation.but(
        "class_weights",
        "none",
        f"The most frequent of {facts.num_labels:,} {what} has {facts.largest_label:,} examples, the rarest "
        f"{facts.smallest_label:,}. Class weights would raise the recall of rare ones and lower their precision; check their "
        "recall first.",
    )


def _epochs_reason(epochs: int, steps: int) -> str:
    return f"{epochs} epochs give about {steps:,} steps; the best one on validation is kept."


def _pooled_head(recommendation: Recommendation, facts: Facts) -> Recommendation:
    """Settings for an encoder that was pretrained to give one vector per text."""
    if facts.exclusive_labels:
        recommendation = (
            recommendation.but(
                "head",
                "cosine",
                "The model was pretrained for text similarity, so each label can start from its mean text vector.",
            )
            .but("head_learning_rate", 1e-3, "The prototype head starts close to a good solution and needs no large steps.")
            .but("dropout", 0.0, "Cosine similarity needs the whole vector; the encoder's dropout is enough against overfitting.")
        )
    else:
        recommendation = recommendation.but(
            "head_learning_rate",
            3e-3,
            f"The model declares {facts.pooling} pooling, so only one new layer starts untrained and it can take large steps.",
        )
    recommendation = recommendation.but(
        "word_evidence", True, "A TF-IDF classifier corrects some errors of the model; it is added if validation improves."
    )
    return recommendation if facts.num_train < LARGE_DATASET else _many_texts(recommendation, facts)


def _many_texts(recommendation: Recommendation, facts: Facts) -> Recommendation:
    """Settings for large training splits, where overfitting and training time matter most."""
    recommendation = recommendation.but(
        "token_masking", 0.1, "Masking a tenth of the tokens, drawn again in each epoch, reduces overfitting."
    )
    layers = facts.num_layers or 0
    if recommendation.values.get("trainable") != "all_but_embeddings" or layers < DEEP:
        return recommendation
    recommendation = recommendation.but(
        "trainable", "top_layers", "Word embeddings and the lowest layers are general; freezing them saves time."
    ).but("top_layers", layers - layers // 3, f"All but the lowest third of the model's {layers} layers.")
    if facts.num_train * FEWEST_EPOCHS < LARGE_BATCH * STEPS_WANTED:
        return recommendation
    recommendation = (
        recommendation.but(
            "batch_size",
            LARGE_BATCH,
            f"{facts.num_train:,} training examples: enough steps even with large batches, which are fast.",
        )
        .but("epochs", FEWEST_EPOCHS, _epochs_reason(FEWEST_EPOCHS, FEWEST_EPOCHS * facts.steps(LARGE_BATCH)))
        .but("learning_rate", 4e-4, "Larger batches give more reliable gradients, so each step may be larger.")
        .but("layer_decay", 0.85, "Lower layers take smaller steps and keep their general language knowledge.")
    )
    if not facts.exclusive_labels:
        return recommendation
    return recommendation.but("head_learning_rate", 1.5e-3, recommendation.reasons["head_learning_rate"])


def quick_look(facts: Facts) -> Recommendation:
    """A first impression in about a minute; scores will be below what the data allow."""
    base = automatic(facts)
    batch_size = max(32, int(base.values["batch_size"]))
    steps_per_epoch = max(1, facts.steps(batch_size))
    epochs = min(6, max(1, round(200 / steps_per_epoch)))
    return base.but("batch_size", batch_size, "Large enough to be fast.").but(
        "epochs", epochs, f"{epochs} epoch{'s' if epochs > 1 else ''}: just enough to see whether the labels can be learned."
    )


def thorough(facts: Facts) -> Recommendation:
    """Twice the epochs of Automatic, with early stopping: takes longer and gains the last points."""
    base = automatic(facts)
    epochs = 2 * int(base.values["epochs"])
    return base.but(
        "epochs", epochs, "Twice the automatic number; the learning rate falls more slowly and converges better."
    ).but("early_stopping_patience", max(4, epochs // 3), "Stops when validation has not improved for a third of the run.")


def frozen_encoder(facts: Facts) -> Recommendation:
    """Only the head is trained, on text vectors computed once: takes seconds and beats a bag-of-words model."""
    base = (
        automatic(facts)
        .but("trainable", "head", "The encoder stays frozen, so every text is encoded only once.")
        .without("top_layers")
        .without("layer_decay")
        .without("token_masking")
        .but("batch_size", 64, "Training the head alone is fast.")
        .but("epochs", 40, "Epochs over cached text vectors take a moment.")
        .but("head_learning_rate", 5e-3, "A head alone can take large steps without harm.")
    )
    if facts.head_level == "token":
        return base.but("epochs", 10, "Entity tagging encodes every text again in each epoch, so fewer epochs.")
    return base


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="automatic",
            title="Automatic",
            summary="Chooses every setting from your data, model and machine. Right for most people.",
            recommend=automatic,
        ),
        Recipe(
            name="quick_look",
            title="Quick look",
            summary="Takes about a minute: shows whether the labels can be learned at all.",
            recommend=quick_look,
        ),
        Recipe(
            name="thorough",
            title="Thorough",
            summary="Takes twice as long as Automatic, for the last points of quality.",
            recommend=thorough,
        ),
        Recipe(
            name="frozen_encoder",
            title="Frozen encoder",
            summary="Takes seconds: only the head is trained. Good with few examples, or to compare labels quickly.",
            recommend=frozen_encoder,
        ),
    )
}


def get_recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        ConfigError: there is none.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise ConfigError("recipe", f"is {shown(name)}; expected one of {', '.join(RECIPES)}.") from None
