"""The sections of a run config: every choice there is, with its default, its range and what it does to the result.

Field names are unique across sections. What only several fields together can get wrong is refused here too; what depends on the
data set or the model is checked in ``core.training.planning.run_plan``.
"""

from dataclasses import dataclass

from core.config.options import option, validate
from core.errors import ConfigError

_LEARNING_ENCODER = ("trainable", ("everything", "all_but_embeddings", "top_layers", "lora"))
"""What a setting needs that acts while the encoder learns; a frozen one reads whole texts, without dropout."""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which rows the run learns from; the hash makes sure they are still the same ones."""

    dataset: str = option(title="Data set", help="Id of the data set.")
    dataset_hash: str = option(title="Content hash", help="sha256 of the data set's rows and splits when the run was made.")
    task: str = option(title="Task", help="What is learned: single_label, multi_label or token_classification.")

    def __post_init__(self) -> None:
        validate("data", self)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which pretrained model is fine-tuned, and how it reads a text."""

    model: str = option(
        "bundled",
        title="Model",
        help="'bundled', a folder with a transformers model, or a hub id such as google-bert/bert-base-uncased.",
        essential=True,
    )
    pooling: str = option(
        "declared",
        title="Pooling",
        help="How a text's tokens become one vector. The way the model was trained with gives the best start by far.",
        choices={
            "declared": "As the model declares",
            "mean": "Mean of all tokens",
            "first": "First token",
            "max": "Maximum over tokens",
            "attention": "Learned attention",
            "architecture": "The architecture's own head",
        },
    )
    max_length: int | None = option(
        None,
        title="Longest input (tokens)",
        help="Longer texts lose their end; longer inputs cost time. Automatic: as long as needed, up to the model's limit.",
        minimum=8,
        maximum=8192,
    )
    encoder_dropout: float | None = option(
        None,
        title="Encoder dropout",
        help="Share of the encoder's values switched off at random while training. Automatic: as it was pretrained.",
        minimum=0.0,
        below=1.0,
        needs=_LEARNING_ENCODER,
    )
    token_masking: float = option(
        0.0,
        title="Token masking",
        help="Share of a text's tokens hidden while training, other ones each time; keeps texts from being learned by heart.",
        minimum=0.0,
        below=1.0,
        needs=_LEARNING_ENCODER,
    )

    def __post_init__(self) -> None:
        validate("model", self)


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """What is put on top of the pretrained model."""

    head: str = option(
        "linear",
        title="Head",
        help="Similarity starts from what a label's texts have in common and needs fewer of them; the others start from nothing.",
        choices={
            "linear": "Linear layer",
            "cosine": "Similarity to typical texts",
            "feed_forward": "Feed-forward network",
        },
    )
    hidden_sizes: str = option(
        "256",
        title="Hidden sizes",
        help="Widths of the feed-forward head's layers, such as 256 or 512,128; wider ones can learn more and overfit sooner.",
        needs=("head", ("feed_forward",)),
    )
    activation: str = option(
        "gelu",
        title="Activation",
        help="What the feed-forward head applies between its layers; seldom makes a difference.",
        choices={"gelu": "GELU", "relu": "ReLU", "tanh": "tanh"},
        needs=("head", ("feed_forward",)),
    )
    dropout: float = option(
        0.1,
        title="Head dropout",
        help="Share of the head's inputs switched off at random while training; more makes small data sets overfit less.",
        minimum=0.0,
        below=1.0,
    )
    word_evidence: bool = option(
        False,
        title="Word evidence",
        help="Weighs words and word pairs by themselves and adds what they say, if validation finds the answers better for it.",
        needs=("pooling", ("declared", "mean", "first", "max", "attention")),
    )
    calibration: bool = option(
        True,
        title="Calibration",
        help="Tones probabilities down or up until they match how often validation was right: 90% is right nine times in ten.",
    )

    def __post_init__(self) -> None:
        validate("head", self)
        if not self.layer_sizes or min(self.layer_sizes) < 1 or max(self.layer_sizes) > 16_384:
            raise ConfigError(
                "head.hidden_sizes", f"is {self.hidden_sizes!r}; expected whole numbers from 1 to 16384, such as 256 or 512,128."
            )

    @property
    def layer_sizes(self) -> list[int]:
        """``hidden_sizes`` as numbers; empty where it is not a list of whole numbers."""
        parts = [part.strip() for part in self.hidden_sizes.split(",")]
        return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else []


@dataclass(frozen=True, kw_only=True)
class LearningConfig:
    """Which of the pretrained weights may change."""

    trainable: str = option(
        "everything",
        title="What learns",
        help="The less learns, the faster it is and the less it forgets; the more learns, the better it can fit your data.",
        choices={
            "everything": "Everything",
            "all_but_embeddings": "All but the word vectors",
            "top_layers": "The top layers and the head",
            "lora": "Small adapters (LoRA) and the head",
            "head": "The head alone",
        },
    )
    top_layers: int = option(
        2,
        title="Top layers",
        help="How many of the encoder's last layers learn, where only they do.",
        minimum=1,
        maximum=200,
        needs=("trainable", ("top_layers",)),
    )
    lora_rank: int = option(
        16,
        title="LoRA rank",
        help="Size of the adapters: larger ones can learn more. They are merged away at the end.",
        minimum=1,
        maximum=512,
        needs=("trainable", ("lora",)),
    )
    lora_alpha: float = option(
        32.0,
        title="LoRA alpha",
        help="How strongly the adapters act; twice the rank is usual.",
        above=0.0,
        maximum=4096.0,
        needs=("trainable", ("lora",)),
    )
    layer_decay: float = option(
        1.0,
        title="Layer-wise decay",
        help="Learning rate of each layer as a share of the one above; below 1 keeps what the lower layers know.",
        above=0.0,
        maximum=1.0,
        needs=_LEARNING_ENCODER,
    )

    def __post_init__(self) -> None:
        validate("learning", self)


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How far each step goes."""

    optimizer: str = option(
        "adamw",
        title="Optimizer",
        help="AdamW is right for nearly all; SGD needs a learning rate about a hundred times larger, Adafactor saves memory.",
        choices={"adamw": "AdamW", "adam": "Adam", "sgd": "SGD with momentum", "adafactor": "Adafactor"},
    )
    learning_rate: float = option(
        2e-4,
        title="Learning rate",
        help="Size of each step of the pretrained encoder. Too small learns little in the time, too large forgets what it knew.",
        above=0.0,
        maximum=10.0,
        essential=True,
    )
    head_learning_rate: float | None = option(
        None,
        title="Head learning rate",
        help="Step size of the new head, which starts from nothing. Automatic: ten times the encoder's.",
        above=0.0,
        maximum=10.0,
    )
    momentum: float = option(
        0.9,
        title="Momentum",
        help="How much of its last step SGD keeps; other optimizers have their own.",
        minimum=0.0,
        below=1.0,
        needs=("optimizer", ("sgd",)),
    )
    weight_decay: float = option(
        0.01,
        title="Weight decay (L2)",
        help="Pulls weights towards zero a little at each step; more counters overfitting.",
        minimum=0.0,
        maximum=1.0,
    )
    l1: float = option(
        0.0,
        title="L1",
        help="Pulls small weights all the way to zero; makes a sparse model, rarely a better one.",
        minimum=0.0,
        maximum=1.0,
    )
    max_gradient_norm: float = option(
        1.0,
        title="Gradient clipping",
        help="Longest gradient that is followed; a single odd batch cannot throw the model off. 0 switches it off.",
        minimum=0.0,
        maximum=1000.0,
    )

    def __post_init__(self) -> None:
        validate("optimizer", self)


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How the learning rate changes over the run."""

    schedule: str = option(
        "linear",
        title="Schedule",
        help="Large steps first, small ones to settle. Linear and cosine end at zero and are right for most.",
        choices={
            "linear": "Linear to zero",
            "cosine": "Cosine to zero",
            "constant": "Constant",
            "polynomial": "Polynomial to zero",
            "exponential": "Exponential decay",
            "inverse_time": "Inverse-time decay",
            "plateau": "Reduce on plateau",
        },
    )
    warmup_fraction: float = option(
        0.1,
        title="Warm-up",
        help="Share of the steps over which the learning rate rises from zero; protects the pretrained weights at the start.",
        minimum=0.0,
        below=1.0,
    )
    warmup_steps: int | None = option(
        None,
        title="Warm-up steps",
        help="The same as a number of steps; takes the place of the share.",
        minimum=0,
        maximum=1_000_000,
    )
    power: float = option(
        2.0,
        title="Polynomial power",
        help="1 is linear; more falls sooner and settles longer.",
        above=0.0,
        maximum=10.0,
        needs=("schedule", ("polynomial",)),
    )
    decay_rate: float = option(
        0.5,
        title="Decay rate",
        help="Per epoch: exponential multiplies by it, inverse-time divides by 1 + rate x epochs, plateau multiplies when stuck.",
        above=0.0,
        maximum=10.0,
        needs=("schedule", ("exponential", "inverse_time", "plateau")),
    )
    plateau_patience: int = option(
        2,
        title="Plateau patience",
        help="Epochs without a better validation figure before reduce on plateau acts.",
        minimum=1,
        maximum=1000,
        needs=("schedule", ("plateau",)),
    )

    def __post_init__(self) -> None:
        validate("schedule", self)
        if self.schedule in {"exponential", "plateau"} and self.decay_rate > 1.0:
            raise ConfigError(
                "schedule.decay_rate", f"is {self.decay_rate:g}, with which {self.schedule} would grow; expected at most 1."
            )


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What counts as a mistake, and how much."""

    label_smoothing: float = option(
        0.0,
        title="Label smoothing",
        help="Aims slightly below certainty, which helps when some labels in the data are wrong.",
        minimum=0.0,
        below=1.0,
    )
    class_weights: str = option(
        "none",
        title="Weights for rare labels",
        help="Mistakes on rare labels count more: finds more of them and is wrong about them more often.",
        choices={"none": "None", "square_root": "Square root of balanced", "balanced": "Balanced"},
    )
    focal_gamma: float = option(
        0.0,
        title="Focal loss",
        help="Turns away from what is already right, towards hard examples; 2 is usual, 0 is off.",
        minimum=0.0,
        maximum=10.0,
    )
    balanced_sampling: bool = option(
        False,
        title="Balanced sampling",
        help="Draws examples of rare labels more often, so that every label is seen alike; rare texts repeat.",
    )

    def __post_init__(self) -> None:
        validate("loss", self)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How long, in what portions, and which weights are kept."""

    epochs: int = option(
        6,
        title="Epochs",
        help="How often every training example is seen. Few examples need more epochs.",
        minimum=1,
        maximum=1000,
        essential=True,
    )
    batch_size: int | None = option(
        None,
        title="Batch size",
        help="Examples computed together. Larger batches are faster and smoother, and need more memory. Automatic: by the rows.",
        minimum=1,
        maximum=4096,
        essential=True,
    )
    gradient_accumulation: int = option(
        1,
        title="Gradient accumulation",
        help="Batches per step: the effect of a larger batch without its memory.",
        minimum=1,
        maximum=1024,
    )
    weight_averaging: float = option(
        0.1,
        title="Weight averaging",
        help="Tests and keeps the average of the weights over about this share of the steps, which evens out chance; 0 is off.",
        minimum=0.0,
        maximum=1.0,
    )
    average_best: int = option(
        1,
        title="Average the best epochs",
        help="Keeps the average of the weights of so many best epochs if validation finds it no worse; 1 keeps the best alone.",
        minimum=1,
        maximum=20,
    )
    selection_metric: str | None = option(
        None,
        title="Model selection metric",
        help="Validation metric that chooses the epoch to keep: the latest one not worse than the best by more than chance "
        "(one standard error of the difference on the same rows; of the loss, the lowest). Also decides on stopping early. "
        "Automatic: the task's F1.",
    )
    thresholds: str = option(
        "tuned",
        title="Thresholds",
        help="For several labels per text: from which probability a label is given. Tuned on validation, never on test.",
        choices={"tuned": "Tuned for each label", "half": "0.5 for all"},
    )
    early_stopping_patience: int = option(
        0,
        title="Stop early after",
        help="Epochs without a better validation figure after which training ends; 0 always trains to the end.",
        minimum=0,
        maximum=1000,
    )
    minimum_gain: float = option(
        0.0,
        title="Smallest gain",
        help="Gains smaller than this, or than one example makes, do not keep training from stopping early.",
        minimum=0.0,
        maximum=1.0,
    )
    seed: int = option(
        0,
        title="Seed",
        help="Start of all random choices; the same seed on the same machine gives the same run.",
        minimum=0,
        maximum=2**31 - 1,
    )

    def __post_init__(self) -> None:
        validate("training", self)


@dataclass(frozen=True, kw_only=True)
class ComputeConfig:
    """On what, and with which arithmetic."""

    device: str = option(
        "automatic",
        title="Device",
        help="Where the model is trained. Automatic takes a GPU if there is one.",
        choices={"automatic": "Automatic", "cpu": "Processor", "cuda": "NVIDIA GPU", "mps": "Apple GPU"},
    )
    precision: str = option(
        "automatic",
        title="Precision",
        help="Number format of the arithmetic. bfloat16 is several times faster where the machine has it, with the same result.",
        choices={"automatic": "Automatic", "float32": "float32", "bfloat16": "bfloat16", "float16": "float16 (GPU only)"},
    )
    processes: int = option(
        1,
        title="GPUs at once",
        help="How many GPUs share each step; 0 takes all there are. Only the time changes. On the processor: processes.",
        minimum=0,
        maximum=64,
    )
    gradient_checkpointing: bool = option(
        False,
        title="Gradient checkpointing",
        help="Needs much less memory and about a third more time; the result is the same.",
        needs=_LEARNING_ENCODER,
    )
    deterministic: bool = option(
        False,
        title="Deterministic",
        help="The same seed gives the same figures to the last digit, on a GPU too; somewhat slower there.",
    )
    compile: bool = option(
        False,
        title="Compile the model",
        help="torch.compile: a minute at the start, faster steps after; worth it for long runs on a GPU. Needs a C++ compiler.",
    )

    def __post_init__(self) -> None:
        validate("compute", self)
        if self.precision == "float16" and self.device == "cpu":
            raise ConfigError(
                "compute.precision", "is float16, which processors cannot train with. Choose automatic, bfloat16 or float32."
            )
