"""Recipes: functions from facts about data, model and machine to the settings of a run, with a reason for each choice.

A recipe never looks at the rows themselves, so it can be shown, tested and argued with.
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
    """What a recipe may know.

    Attributes:
        head_level, exclusive_labels: as the task says.
        num_train: examples of the training split.
        num_inputs: what the model reads of them in an epoch; more where long texts are read in windows.
        num_labels: labels, or entity types.
        smallest_label, largest_label: training examples of the rarest and of the most frequent label.
        num_parameters, num_layers: of the model; nothing where it has not been downloaded yet, or does not say.
        pooling: how the model declares that texts are pooled.
        max_length: most tokens of an input that the model reads.
        token_lengths: tokens of a sample of the texts; empty where they cannot be counted yet.
        has_gpu: whether training will take a GPU.
        precision: number format that ``automatic`` takes there.
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
"""Parameters from which a model is fine-tuned with small steps; small encoders are robust and profit from large ones."""

SMALL_DATASET = 1000
"""Training examples below which small batches are worth their time."""

LARGE_DATASET = 3000
"""Training examples from which hiding words does good; with few, each word is needed (benchmarks/RESULTS.md)."""

DEEP = 6
"""Layers from which the lowest third can stay as pretrained without harm (benchmarks/RESULTS.md)."""

UNEVEN = 10
"""How many times as frequent as the rarest the most frequent label is where people ask what is done about it."""

LARGE_BATCH = 64
"""Examples a step where the fewest epochs of them are steps enough: fast, and no worse where lower layers take smaller steps."""

STEPS_WANTED = 500
"""Optimizer steps a run should have so that a small data set, too, is learned well."""

FEWEST_EPOCHS, MOST_EPOCHS = 6, 20


def batch_size_of(config: RunConfig, num_train: int) -> int:
    """The batch size of a run: what its config says, or what suits so many training examples."""
    return config.training.batch_size or automatic_batch_size(num_train)


def automatic_batch_size(num_train: int) -> int:
    """Examples computed together: few where there are few, so that there are steps enough, else as many as are fast."""
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
            else f"batches of {batch_size} are fast and still precise."
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
        "A large model forgets what it knew if the steps are large."
        if large
        else "A small pretrained encoder learns best with large steps; the usual 5e-5 leaves points of accuracy on the table.",
    )
    if not large and facts.num_parameters is not None:
        recommendation = recommendation.but(
            "trainable",
            "all_but_embeddings",
            "About half of a small model are word vectors; leaving them alone saves time.",
        )
    if facts.head_level == "text" and facts.pooling is not None:
        return _pooled_head(recommendation, facts)
    return recommendation.but(
        "head_learning_rate", 10 * learning_rate if large else 2e-3, "The head starts from nothing and has to catch up."
    )


def _at_lengths(recommendation: Recommendation, facts: Facts) -> Recommendation:
    """No limit but the model's own: nothing is cut that could be read."""
    if not facts.token_lengths:
        return recommendation
    longest, cut = max(facts.token_lengths), cut_at(facts.token_lengths, facts.max_length)
    looked_at = f"{len(facts.token_lengths):,} texts looked at"
    if not cut.num_texts:
        reason = f"Nothing has to be cut: the longest of {looked_at} has {longest:,} tokens, the limit is {facts.max_length:,}."
    else:
        fate = "lose their end" if facts.head_level == "text" else "are read in overlapping windows"
        reason = f"The model's own limit of {facts.max_length:,} tokens: {cut.num_texts:,} of {looked_at} are longer and {fate}."
    return recommendation.but("max_length", None, reason)


def _at_the_machine(recommendation: Recommendation, facts: Facts) -> Recommendation:
    """The number format that is fastest at the same result."""
    here = "GPU" if facts.has_gpu else "processor"
    reason = {
        "bfloat16": f"This {here} multiplies bfloat16 in hardware: several times faster, with the same result.",
        "float16": f"float16: this {here} has no bfloat16 of its own. Losses are scaled so that small gradients are not lost.",
        "float32": f"float32: this {here} has neither bfloat16 nor fast float16."
        if facts.has_gpu
        else f"float32: this {here} has no bfloat16 of its own.",
    }
    return recommendation.but("precision", "automatic", reason[facts.precision])


def _at_rare_labels(recommendation: Recommendation, facts: Facts) -> Recommendation:
    """No weights: they trade precision for recall, and which is worth more a recipe cannot know (benchmarks/RESULTS.md)."""
    if facts.largest_label < UNEVEN * max(1, facts.smallest_label):
        return recommendation
    what = "labels" if facts.head_level == "text" else "entity types"
    return recommendation.but(
        "class_weights",
        "none",
        f"The most frequent of {facts.num_labels:,} {what} has {facts.largest_label:,} examples, the rarest "
        f"{facts.smallest_label:,}. Weights would find more of the rare ones and be wrong about them more often; look at their "
        "recall first.",
    )


def _epochs_reason(epochs: int, steps: int) -> str:
    return f"{epochs} epochs give about {steps:,} steps; the best one on validation is kept."


def _pooled_head(recommendation: Recommendation, facts: Facts) -> Recommendation:
    """What suits an encoder that was trained to give one vector a text."""
    if facts.exclusive_labels:
        recommendation = (
            recommendation.but(
                "head", "cosine", "The model was made to compare texts, so a label can start from what its texts have in common."
            )
            .but("head_learning_rate", 1e-3, "The head starts close to where it should be and needs no large steps.")
            .but("dropout", 0.0, "A similarity needs the whole vector; the encoder's own dropout is enough against overfitting.")
        )
    else:
        recommendation = recommendation.but(
            "head_learning_rate",
            3e-3,
            f"The model declares {facts.pooling} pooling, so only a thin new layer has to be learned, and it can learn fast.",
        )
    recommendation = recommendation.but(
        "word_evidence", True, "Now and then plain words know better than the model; they are added where validation agrees."
    )
    return recommendation if facts.num_train < LARGE_DATASET else _many_texts(recommendation, facts)


def _many_texts(recommendation: Recommendation, facts: Facts) -> Recommendation:
    """What suits where there is so much to read that learning by heart is the danger and time the price."""
    recommendation = recommendation.but(
        "token_masking", 0.1, "A tenth of the words hidden, other ones each time, keeps texts from being learned by heart."
    )
    layers = facts.num_layers or 0
    if recommendation.values.get("trainable") != "all_but_embeddings" or layers < DEEP:
        return recommendation
    recommendation = recommendation.but(
        "trainable", "top_layers", "Word vectors and the lowest layers know words, not labels; leaving them alone saves time."
    ).but("top_layers", layers - layers // 3, f"All but the lowest third of the model's {layers} layers.")
    if facts.num_train * FEWEST_EPOCHS < LARGE_BATCH * STEPS_WANTED:
        return recommendation
    recommendation = (
        recommendation.but(
            "batch_size",
            LARGE_BATCH,
            f"{facts.num_train:,} training examples: steps enough even in large batches, which are fast.",
        )
        .but("epochs", FEWEST_EPOCHS, _epochs_reason(FEWEST_EPOCHS, FEWEST_EPOCHS * facts.steps(LARGE_BATCH)))
        .but("learning_rate", 4e-4, "What many texts agree on is to be trusted more, so each step may be larger.")
        .but("layer_decay", 0.85, "Lower layers take smaller steps, so that what they know of language stays.")
    )
    if not facts.exclusive_labels:
        return recommendation
    return recommendation.but("head_learning_rate", 1.5e-3, recommendation.reasons["head_learning_rate"])


def quick_look(facts: Facts) -> Recommendation:
    """A first impression in about a minute; the figures will be below what the data allow."""
    base = automatic(facts)
    batch_size = max(32, int(base.values["batch_size"]))
    steps_per_epoch = max(1, facts.steps(batch_size))
    epochs = min(6, max(1, round(200 / steps_per_epoch)))
    return base.but("batch_size", batch_size, "Large enough to be fast.").but(
        "epochs", epochs, f"{epochs} epoch{'s' if epochs > 1 else ''}: just enough to see whether the labels can be learned."
    )


def thorough(facts: Facts) -> Recommendation:
    """Twice the epochs of Automatic and an early stop: takes longer and gains the last points."""
    base = automatic(facts)
    epochs = 2 * int(base.values["epochs"])
    return base.but("epochs", epochs, "Twice the automatic number; the schedule slows down later and settles better.").but(
        "early_stopping_patience", max(4, epochs // 3), "Ends when validation has not improved for a third of the run."
    )


def frozen_encoder(facts: Facts) -> Recommendation:
    """Only the head learns, on texts that are read once: seconds, and already better than counting words."""
    base = (
        automatic(facts)
        .but("trainable", "head", "The encoder stays as pretrained, so every text is read only once.")
        .without("top_layers")
        .without("layer_decay")
        .without("token_masking")
        .but("batch_size", 64, "Steps of the head alone cost nothing.")
        .but("epochs", 40, "Passes over texts that have been read take a moment.")
        .but("head_learning_rate", 5e-3, "A head alone can take large steps without harm.")
    )
    if facts.head_level == "token":
        return base.but("epochs", 10, "Entities need every word anew in each epoch, so fewer passes.")
    return base


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="automatic",
            title="Automatic",
            summary="Looks at your data, model and machine and fills everything in. Right for most people.",
            recommend=automatic,
        ),
        Recipe(
            name="quick_look",
            title="Quick look",
            summary="About a minute: shows whether the labels can be learned at all.",
            recommend=quick_look,
        ),
        Recipe(
            name="thorough",
            title="Thorough",
            summary="Twice as long, for the last points of quality.",
            recommend=thorough,
        ),
        Recipe(
            name="frozen_encoder",
            title="Frozen encoder",
            summary="Seconds: only the head learns. Good with few examples, or to compare labels quickly.",
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
