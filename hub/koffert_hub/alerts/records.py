"""What goes into the alert engine and what comes out. Times are milliseconds since 1970 in UTC."""

from enum import IntEnum, StrEnum

from msgspec import Struct, field

# A cause is one of these names, or `device_<problem>`; at most one alert per patient and cause is open.
SPO2_LOW = "spo2_low"
SPO2_HIGH_ON_OXYGEN = "spo2_high_on_oxygen"
PULSE_LOW = "pulse_low"
PULSE_HIGH = "pulse_high"
RESPIRATORY_RATE_LOW = "respiratory_rate_low"
RESPIRATORY_RATE_HIGH = "respiratory_rate_high"
CONSCIOUSNESS = "consciousness"
CALL_BUTTON = "call_button"
CANNOT_MEASURE = "cannot_measure"
DETERIORATION = "deterioration"
NOT_IMPROVING = "not_improving"
BETTER_THEN_WORSE = "better_then_worse"
FEV1_FALL = "fev1_fall"
RESPIRATORY_RATE_RISE = "respiratory_rate_rise"
CAT_RISE = "cat_rise"
RELIEVER_RISE = "reliever_rise"
NO_DATA = "no_data"
DEVICE_PREFIX = "device_"
# Of what the hub itself has found out about a suitcase, apart from the readings.
TECHNICAL_PREFIX = "technical_"


class Level(IntEnum):
    """How grave a cause is; BLUE is technical and apart from the clinical ones."""

    NONE = 0
    BLUE = 1
    YELLOW = 2
    RED = 3


class Priority(StrEnum):
    """A level as people and other programs see it."""

    RED = "red"
    YELLOW = "yellow"
    BLUE = "blue"


PRIORITIES: dict[Level, Priority] = {
    Level.RED: Priority.RED,
    Level.YELLOW: Priority.YELLOW,
    Level.BLUE: Priority.BLUE,
}


class Kind(StrEnum):
    """What a reading is of; the unit follows from the kind."""

    SPO2 = "spo2"  # %
    PULSE = "pulse"  # beats/min
    RESPIRATORY_RATE = "respiratory_rate"  # breaths/min
    TEMPERATURE = "temperature"  # °C
    SYSTOLIC = "systolic"  # mmHg
    CONSCIOUSNESS = "consciousness"  # A C V P U
    DIARY = "diary"
    SPIROMETRY = "spirometry"
    CAT = "cat"  # 0-40
    MMRC = "mmrc"  # 0-4
    RELIEVER = "reliever"  # doses of the reliever in a day
    CALL_BUTTON = "call_button"  # 1 pressed, 0 answered
    DEVICE = "device"
    CORRECTION = "correction"


class Symptoms(Struct, frozen=True, tag=True):
    """One diary: what is worse than usual. The first three are Anthonisen's majors."""

    breathlessness_worse: bool = False
    sputum_more: bool = False
    sputum_colour: bool = False
    cough: bool = False
    wheeze: bool = False
    cold: bool = False
    fever: bool = False


class Session(Struct, frozen=True, tag=True):
    """A graded spirometry session: litres, and the grade of its FEV1."""

    fev1_l: float
    grade: str
    fvc_l: float | None = None


class DeviceProblem(Struct, frozen=True, tag=True):
    """A fault of the case, its meters or its link; None: all is well again."""

    problem: str | None


class Correction(Struct, frozen=True, tag=True):
    """A nurse's *not this patient* or *invalid*: the reading `of` counts no more."""

    of: str
    reason: str


Value = float | str | Symptoms | Session | DeviceProblem | Correction | None


class Reading(Struct, frozen=True):
    """One thing that was measured, answered, pressed or corrected.

    `value` is None when the meter gave none; `quality` is 0 to 1 and 0 means that it is no value.
    `oxygen_l_min` is 0 on air and None when unknown. What is not known to be the patient's own does not
    train the baseline (`trains`), but it may alert.
    """

    measured_ms: int
    id: str
    arrived_ms: int
    kind: Kind
    value: Value
    quality: float = 1.0
    oxygen_l_min: float | None = None
    at_rest: bool | None = None
    reliever_before: bool | None = None
    trains: bool = True


class PatientLimits(Struct, frozen=True):
    """The doctor's own limits for a patient; None takes the rule set's."""

    spo2_floor_pct: float | None = None
    pulse_low_bpm: float | None = None
    pulse_high_bpm: float | None = None
    respiratory_rate_low_bpm: float | None = None
    respiratory_rate_high_bpm: float | None = None


class PatientBaseline(Struct, frozen=True):
    """What is usual for a patient, as a doctor or the discharge set it; None is learnt from readings."""

    spo2_mean_pct: float | None = None
    spo2_sd_pct: float | None = None
    pulse_mean_bpm: float | None = None
    pulse_sd_bpm: float | None = None
    fev1_mean_l: float | None = None
    fev1_sd_l: float | None = None


class Patient(Struct, frozen=True):
    """A doctor's settings for one patient. Scale 2 is for a documented target of 88-92 %."""

    spo2_scale: int = 1
    on_oxygen: bool = False
    target_low_pct: float | None = None
    target_high_pct: float | None = None
    discharged_ms: int | None = None
    limits: PatientLimits = PatientLimits()
    baseline: PatientBaseline = PatientBaseline()


Number = float | int | str | bool | None


class Alert(Struct):
    """One raised alert with all that it rests on, in the engine's own time (when it was measured).

    `late` marks data that reached the hub long after it was measured, `revised` an alert that was raised
    and that later data or a correction no longer supports.
    """

    raised_ms: int
    priority: Priority
    cause: str
    rule: str
    version: str
    inputs: dict[str, Number]
    limits: dict[str, Number]
    baseline: dict[str, Number]
    text_nb: str
    text_en: str
    readings: tuple[str, ...] = ()
    late: bool = False
    revised: bool = False
    cleared_ms: int | None = None


class Finding(Struct, frozen=True):
    """What a rule found: the material of an alert's sentence."""

    rule: str
    inputs: dict[str, Number]
    limits: dict[str, Number]
    readings: tuple[str, ...] = ()
    baseline: dict[str, Number] = field(default_factory=dict)


class Raised(Struct, frozen=True):
    """A cause rose to a level that it did not have: a new alert."""

    alert: Alert


class Eased(Struct, frozen=True):
    """The condition has stayed milder, or away (NONE), for the step-down time."""

    cause: str
    level: Level
    at_ms: int


Event = Raised | Eased
