"""The quantities that Koffert measures, with their codes and units.

Sources: MDC codes of ISO/IEEE 11073-10101, LOINC 2.7x, SNOMED CT international, units in UCUM.
Every LOINC and SNOMED code here passes its check digit (`tests/wire/test_quantities.py`).
"""

from msgspec import Struct


class Quantity(Struct, frozen=True):
    """One quantity: `code` is its name on the wire and ends in its unit."""

    code: str
    mdc: int | None
    mdc_name: str | None
    loinc: tuple[str, ...]
    snomed: str | None
    ucum: str


QUANTITIES: tuple[Quantity, ...] = (
    Quantity("spo2_pct", 150456, "MDC_PULS_OXIM_SAT_O2", ("2708-6", "59408-5"), "431314004", "%"),
    Quantity("pulse_bpm", 149530, "MDC_PULS_OXIM_PULS_RATE", ("8867-4",), "78564009", "/min"),
    Quantity("pai_pct", 150488, "MDC_BLD_PERF_INDEX", ("73798-1",), None, "%"),
    Quantity("heart_rate_bpm", 147842, "MDC_ECG_HEART_RATE", ("8867-4",), "364075005", "/min"),
    Quantity("respiratory_rate_bpm", 151562, "MDC_RESP_RATE", ("9279-1",), "86290005", "/min"),
    Quantity("fev1_l", 152586, "MDC_VOL_AWAY_EXP_FORCED_1S", ("20150-9",), "59328004", "L"),
    # LOINC has no code for FEV6 that its own pages confirm; MDC has.
    Quantity("fev6_l", 152587, "MDC_VOL_AWAY_EXP_FORCED_6S", (), None, "L"),
    Quantity("fvc_l", 188928, "MDC_VOL_AWAY_EXP_FORCED_CAPACITY", ("19868-9",), "50834005", "L"),
    Quantity("pef_l_s", 152584, "MDC_FLOW_AWAY_EXP_FORCED_PEAK", ("33452-4",), "18491006", "L/s"),
    Quantity(
        "fef25_75_l_s",
        188960,
        "MDC_FLOW_AWAY_EXP_FORCED_25_75_FVC",
        ("69972-8",),
        "251932003",
        "L/s",
    ),
    Quantity("temperature_c", 150364, "MDC_TEMP_BODY", ("8310-5",), "386725007", "Cel"),
    Quantity(
        "systolic_mmhg", 150021, "MDC_PRESS_BLD_NONINV_SYS", ("8480-6",), "271649006", "mm[Hg]"
    ),
    Quantity(
        "diastolic_mmhg", 150022, "MDC_PRESS_BLD_NONINV_DIA", ("8462-4",), "271650006", "mm[Hg]"
    ),
    Quantity("map_mmhg", 150023, "MDC_PRESS_BLD_NONINV_MEAN", ("8478-0",), None, "mm[Hg]"),
    # Entered by hand, from a drop of blood at home or a laboratory; no MDC term was found at its source.
    Quantity("crp_mg_l", None, None, ("1988-5",), "55235003", "mg/L"),
    Quantity("weight_kg", 188736, "MDC_MASS_BODY_ACTUAL", ("29463-7",), "27113001", "kg"),
)


def quantity(code: str) -> Quantity:
    """The quantity named `code`; KeyError when there is none."""
    for candidate in QUANTITIES:
        if candidate.code == code:
            return candidate
    raise KeyError(code)
