"""The sections of a run config: every option, with its default, its range and what it does to the result.

Field names are unique across sections. Combinations of fields within a section are checked here too; what depends on the data
set or the model is checked in ``core.training.planning.run_plan``.
"""

from dataclasses import dataclass

from core.config.options import option, validate
from core.errors import ConfigError

_LEARNING_ENCODER = ("trainable", ("everything", "all_but_embeddings", "top_layers", "lora"))
"""Values of ``trainable`` with which the encoder is trained. A frozen encoder reads whole texts, without dropout."""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The data set of the run; the hash detects rows that have changed since the run was created."""

    dataset: str = option(title="Data set", help="Id of the data set.")
    dataset_hash: str = option(title="Content hash", help="SHA-256 of the data set's rows and splits when the run was created.")
    task: str = option(title="Task", help="Task of the model: single_label, multi_label or token_classification.")

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
        help="How token vectors become one text vector. The pooling the model was pretrained with gives by far the best start.",
        choices={
            "declared": "As the model declares",
            "mean": "Mean of all tokens",
            "first": "First token (CLS)",
            "max": "Maximum over tokens",
            "attention": "Attention pooling (learned)",
            "architecture": "The architecture's own head",
        },
    )
    max_length: int | None = option(
        None,
        title="Maximum input length (tokens)",
        help="Longer texts are truncated; longer inputs cost time. Automatic: as long as needed, up to the model's limit.",
        minimum=8,
        maximum=8192,
    )
    encoder_dropout: float | None = option(
        None,
        title="Encoder dropout",
        help="Dropout rate inside the encoder during training; higher rates reduce overfitting. Automatic: as pretrained.",
        minimum=0.0,
        below=1.0,
        needs=_LEARNING_ENCODER,
    )
    token_masking: float = option(
        0.0,
        title="Token masking",
        help="Share of a text's tokens masked during training, drawn again in each epoch; reduces overfitting.",
        minimum=0.0,
        below=1.0,
        needs=_LEARNING_ENCODER,
    )

    def __post_init__(self) -> None:
        validate("model", self)


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """The classification head on top of the pretrained model."""

    head: str = option(
        "linear",
        title="Head",
        help="The cosine head starts from label prototypes (mean text vectors) and needs fewer examples; others start random.",
        choices={
            "linear": "Linear layer",
            "cosine": "Cosine (prototype) head",
            "feed_forward": "Feed-forward network",
        },
    )
    hidden_sizes: str = option(
        "256",
        title="Hidden layer sizes",
        help="Layer sizes of the feed-forward head, such as 256 or 512,128; larger ones can learn more and overfit sooner.",
        needs=("head", ("feed_forward",)),
    )
    activation: str = option(
        "gelu",
        title="Activation function",
        help="Activation function between the layers of the feed-forward head; rarely makes a difference.",
        choices={"gelu": "GELU", "relu": "ReLU", "tanh": "tanh"},
        needs=("head", ("feed_forward",)),
    )
    dropout: float = option(
        0.1,
        title="Head dropout",
        help="Dropout rate of the head's inputs during training; higher rates reduce overfitting on small data sets.",
        minimum=0.0,
        below=1.0,
    )
    word_evidence: bool = option(
        False,
        title="Add TF-IDF classifier",
        help="Trains a TF-IDF classifier on words and word pairs and adds its logits if that lowers the validation loss.",
        needs=("pooling", ("declared", "mean", "first", "max", "attention")),
    )
    calibration: bool = option(
        True,
        title="Calibration (temperature scaling)",
        help="Scales probabilities to match validation accuracy: of the predictions at 90%, about nine in ten are right.",
    )

    def __post_init__(self) -> None:
        validate("head", self)
        if not self.layer_sizes or min(self.layer_sizes) < 1 or max(self.layer_sizes) > 16_384:
            raise ConfigError(
                "head.hidden_sizes", f"is {self.hidden_sizes!r}; expected whole numbers from 1 to 16384, such as 256 or 512,128."
            )

    @property
    def layer_sizes(self) -> list[int]:
        """``hidden_sizes`` as numbers; empty if it is not a list of whole numbers."""
        parts = [part.strip() for part in self.hidden_sizes.split(",")]
        return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else []


@dataclass(frozen=True, kw_only=True)
class LearningConfig:
    """Which of the pretrained weights are trained."""

    trainable: str = option(
        "everything",
        title="Trainable parameters",
        help="Fewer trainable parameters train faster and forget less of the pretraining; more can fit your data better.",
        choices={
            "everything": "All parameters",
            "all_but_embeddings": "Freeze word embeddings",
            "top_layers": "Top layers and head",
            "lora": "LoRA adapters and head",
            "head": "Head only (frozen encoder)",
        },
    )
    top_layers: int = option(
        2,
        title="Top layers",
        help="Number of the encoder's last layers that are trained; the layers below them stay frozen.",
        minimum=1,
        maximum=200,
        needs=("trainable", ("top_layers",)),
    )
    lora_rank: int = option(
        16,
        title="LoRA rank",
        help="Rank of the adapters: a higher rank can learn more. Adapters are merged into the weights at the end.",
        minimum=1,
        maximum=512,
        needs=("trainable", ("lora",)),
    )
    lora_alpha: float = option(
        32.0,
        title="LoRA alpha",
        help="Scaling factor of the adapters: higher values change the model more. Twice the rank is usual.",
        above=0.0,
        maximum=4096.0,
        needs=("trainable", ("lora",)),
    )
    layer_decay: float = option(
        1.0,
        title="Layer-wise learning-rate decay",
        help="Learning rate of each layer as a share of the one above; below 1, lower layers keep more of their pretraining.",
        above=0.0,
        maximum=1.0,
        needs=_LEARNING_ENCODER,
    )

    def __post_init__(self) -> None:
        validate("learning", self)


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """The optimizer, its learning rates and its regularization."""

    optimizer: str = option(
        "adamw",
        title="Optimizer",
        help="AdamW suits nearly all runs; SGD needs a learning rate about 100 times higher; Adafactor saves memory.",
        choices={"adamw": "AdamW", "adam": "Adam", "sgd": "SGD with momentum", "adafactor": "Adafactor"},
    )
    learning_rate: float = option(
        2e-4,
        title="Learning rate",
        help="Step size of the pretrained encoder. Too low: it learns too little. Too high: it forgets its pretraining.",
        above=0.0,
        maximum=10.0,
        essential=True,
    )
    head_learning_rate: float | None = option(
        None,
        title="Head learning rate",
        help="Step size of the head, which starts untrained. Automatic: ten times the encoder's learning rate.",
        above=0.0,
        maximum=10.0,
    )
    momentum: float = option(
        0.9,
        title="Momentum",
        help="Share of the previous step that SGD carries into the next; higher values smooth the steps.",
        minimum=0.0,
        below=1.0,
        needs=("optimizer", ("sgd",)),
    )
    weight_decay: float = option(
        0.01,
        title="Weight decay (L2)",
        help="Pulls weights towards zero a little at each step; higher values reduce overfitting.",
        minimum=0.0,
        maximum=1.0,
    )
    l1: float = option(
        0.0,
        title="L1 regularization",
        help="Pulls small weights all the way to zero; gives a sparse model, rarely a better one.",
        minimum=0.0,
        maximum=1.0,
    )
    max_gradient_norm: float = option(
        1.0,
        title="Gradient clipping",
        help="Maximum gradient norm; keeps a single unusual batch from destabilizing training. 0 turns clipping off.",
        minimum=0.0,
        maximum=1000.0,
    )

    def __post_init__(self) -> None:
        validate("optimizer", self)


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """The learning-rate schedule."""

    schedule: str = option(
        "linear",
        title="Learning-rate schedule",
        help="How the learning rate falls over the run. Linear and cosine end at zero and suit most runs.",
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
        title="Warm-up (share of steps)",
        help="Share of the steps over which the learning rate rises from zero; protects the pretrained weights at the start.",
        minimum=0.0,
        below=1.0,
    )
    warmup_steps: int | None = option(
        None,
        title="Warm-up steps",
        help="Warm-up as a number of steps; replaces the share.",
        minimum=0,
        maximum=1_000_000,
    )
    power: float = option(
        2.0,
        title="Polynomial power",
        help="Exponent of the polynomial: 1 is linear; higher values lower the learning rate earlier.",
        above=0.0,
        maximum=10.0,
        needs=("schedule", ("polynomial",)),
    )
    decay_rate: float = option(
        0.5,
        title="Decay rate",
        help="Exponential: factor per epoch. Inverse-time: divides by 1 + rate x epochs. Plateau: factor of each reduction.",
        above=0.0,
        maximum=10.0,
        needs=("schedule", ("exponential", "inverse_time", "plateau")),
    )
    plateau_patience: int = option(
        2,
        title="Plateau patience (epochs)",
        help="Epochs without improvement on validation before the learning rate is reduced.",
        minimum=1,
        maximum=1000,
        needs=("schedule", ("plateau",)),
    )

    def __post_init__(self) -> None:
        validate("schedule", self)
        if self.schedule in {"exponential", "plateau"} and self.decay_rate > 1.0:
            raise ConfigError(
                "schedule.decay_rate",
                f"is {self.decay_rate:g}, which would raise the learning rate with schedule {self.schedule}; expected at most 1.",
            )


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """The training loss, and how it treats imbalanced labels."""

    label_smoothing: float = option(
        0.0,
        title="Label smoothing",
        help="Trains towards slightly less than full certainty; helps when some labels in the data are wrong.",
        minimum=0.0,
        below=1.0,
    )
    class_weights: str = option(
        "none",
        title="Class weights",
        help="Errors on rare labels count more: higher recall of rare labels, lower precision.",
        choices={"none": "None", "square_root": "Square root of balanced", "balanced": "Balanced"},
    )
    focal_gamma: float = option(
        0.0,
        title="Focal loss (gamma)",
        help="Gives hard examples more weight than those already predicted right; 2 is usual, 0 turns it off.",
        minimum=0.0,
        maximum=10.0,
    )
    balanced_sampling: bool = option(
        False,
        title="Balanced sampling",
        help="Draws examples of rare labels more often, so that all labels are seen about equally often; rare texts repeat.",
    )

    def __post_init__(self) -> None:
        validate("loss", self)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Epochs, batches, early stopping, and which epoch's weights are kept."""

    epochs: int = option(
        6,
        title="Epochs",
        help="Passes over the training data. Small data sets need more epochs.",
        minimum=1,
        maximum=1000,
        essential=True,
    )
    batch_size: int | None = option(
        None,
        title="Batch size",
        help="Examples per batch. Larger batches are faster, less noisy and need more memory. Automatic: by data set size.",
        minimum=1,
        maximum=4096,
        essential=True,
    )
    gradient_accumulation: int = option(
        1,
        title="Gradient accumulation",
        help="Batches per optimizer step: the effect of a larger batch without its memory.",
        minimum=1,
        maximum=1024,
    )
    weight_averaging: float = option(
        0.1,
        title="Weight averaging (EMA)",
        help="Evaluates and keeps the average of the weights over about this share of the steps; reduces noise. 0 turns it off.",
        minimum=0.0,
        maximum=1.0,
    )
    average_best: int = option(
        1,
        title="Average the best epochs",
        help="Averages the weights of this many best epochs if validation is no worse; 1 keeps only the best epoch.",
        minimum=1,
        maximum=20,
    )
    selection_metric: str | None = option(
        None,
        title="Model selection metric",
        help="Validation metric that selects the epoch to keep: the latest epoch within one standard error of the best (for the "
        "loss: the lowest). Early stopping uses it too. Automatic: the task's F1.",
    )
    thresholds: str = option(
        "tuned",
        title="Decision thresholds",
        help="Multi-label only: probability from which a label is predicted. Tuned on validation, never on test.",
        choices={"tuned": "Tuned for each label", "half": "0.5 for all"},
    )
    early_stopping_patience: int = option(
        0,
        title="Early-stopping patience (epochs)",
        help="Epochs without improvement on validation after which training stops; 0 turns early stopping off.",
        minimum=0,
        maximum=1000,
    )
    minimum_gain: float = option(
        0.0,
        title="Minimum improvement",
        help="Improvements smaller than this, or than one validation example makes, do not count for early stopping.",
        minimum=0.0,
        maximum=1.0,
    )
    seed: int = option(
        0,
        title="Seed",
        help="Seed of all random choices; the same seed on the same machine gives the same run.",
        minimum=0,
        maximum=2**31 - 1,
    )

    def __post_init__(self) -> None:
        validate("training", self)


@dataclass(frozen=True, kw_only=True)
class ComputeConfig:
    """Hardware and precision."""

    device: str = option(
        "automatic",
        title="Device",
        help="Where the model is trained. Automatic uses a GPU if there is one.",
        choices={"automatic": "Automatic", "cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU"},
    )
    precision: str = option(
        "automatic",
        title="Precision",
        help="Number format of training. bfloat16 is several times faster where the hardware supports it; results are the same.",
        choices={"automatic": "Automatic", "float32": "float32", "bfloat16": "bfloat16", "float16": "float16 (GPU only)"},
    )
    processes: int = option(
        1,
        title="Number of GPUs",
        help="GPUs that share each step; 0 uses all of them. Changes the time, not the result. On a CPU: number of processes.",
        minimum=0,
        maximum=64,
    )
    gradient_checkpointing: bool = option(
        False,
        title="Gradient checkpointing",
        help="Recomputes activations instead of storing them: much less memory, about a third more time, the same result.",
        needs=_LEARNING_ENCODER,
    )
    deterministic: bool = option(
        False,
        title="Deterministic",
        help="The same seed gives identical metrics to the last digit, on a GPU too; somewhat slower there.",
    )
    compile: bool = option(
        False,
        title="Compile the model",
        help="torch.compile: about a minute at the start, then faster steps; for long runs on a GPU. Needs a C++ compiler.",
    )

    def __post_init__(self) -> None:
        validate("compute", self)
        if self.precision == "float16" and self.device == "cpu":
            raise ConfigError(
                "compute.precision", "is float16, which cannot be trained with on a CPU. Choose automatic, bfloat16 or float32."
            )
