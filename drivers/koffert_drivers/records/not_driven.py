"""Devices that a nurse may own and Koffert does not speak with, each with what is needed."""

from msgspec import Struct


class NotDriven(Struct, frozen=True):
    """A device without a driver: what is known of its protocol, and what a driver would take."""

    name: str
    known: str
    needed: str


NOT_DRIVEN = (
    NotDriven(
        "MIR Spirobank Smart and SmartOne",
        "The protocol is not public; the vendor's kit for app makers gives flow, volume and oximetry.",
        "An agreement with MIR on its protocol, or its kit on Linux.",
    ),
    NotDriven(
        "NuvoAir Air Next",
        "No public protocol.",
        "An agreement with NuvoAir.",
    ),
    NotDriven(
        "Masimo MightySat",
        "Nothing is public beyond the vendor's kit for app makers.",
        "An agreement with Masimo.",
    ),
    NotDriven(
        "ChoiceMMed oximeters in their private mode",
        "The private mode is not public. Some models also speak the SIG's service: try `plx`.",
        "An agreement with ChoiceMMed.",
    ),
    NotDriven(
        "Peak flow meters of IEEE 11073-10421 over the Health Device Profile",
        "The standard is public; no open implementation and no recorded bytes were found.",
        "A meter to try it on, and recordings of it.",
    ),
    NotDriven(
        "Vitalograph Lung Monitor BLE",
        "Frames are described by one app; the link is Telit's Terminal I/O with credits.",
        "A device to try it on. One command clears its memory: it must never be sent by mistake.",
    ),
    NotDriven(
        "Contec SP70B and SP80B",
        "One rewrite of the vendor's kit describes it, with errors in it.",
        "A device to try it on.",
    ),
    NotDriven(
        "Viatom O2Ring-S (OxyII)",
        "One project describes it; some commands damage the device.",
        "A device to try it on.",
    ),
    NotDriven(
        "Beurer PO60",
        "One app describes the stored records; it gives no live values.",
        "A device to try it on.",
    ),
    NotDriven(
        'JKS50F and other oximeters with service "FFE1" or "FEE1"',
        "Only home-made bytes are public, and look-alikes differ.",
        "Recordings of the very model.",
    ),
    NotDriven(
        "Contec CMS50N",
        "Nine bytes twice a second, meaning unknown.",
        "Recordings beside the device's display.",
    ),
    NotDriven(
        "Nonin data format 1",
        "It is named in a list of contents and nowhere described.",
        "The vendor's text; every device that has it also has format 8, which is driven.",
    ),
)
