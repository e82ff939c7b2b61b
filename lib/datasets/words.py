"""Normalise the vocabulary of films: body parts, views and sexes.

DICOM terms vary: a hand may be `HAND`, `Hand `, `HAND_L` or `MAIN`. Unknown terms are dropped in
favour of the data set's entry, so that no group of films consists of one unusual spelling.
"""

import re

#: Term in use -> words for a body part (English, German, French, Spanish, Italian).
BODY_PARTS = {
    "hand": "hand main mano hands",
    "finger": "finger fingers thumb doigt daumen dedo dito digit",
    "wrist": "wrist handgelenk poignet muneca polso carpus",
    "forearm": "forearm unterarm avantbras antebrazo avambraccio radius ulna",
    "elbow": "elbow ellbogen ellenbogen coude codo gomito",
    "humerus": "humerus arm upperarm oberarm bras brazo omero",
    "shoulder": "shoulder schulter epaule hombro spalla clavicle scapula",
    "chest": "chest thorax lung lungs poumon torax torace brust",
    "foot": "foot feet fuss pied pie piede toe toes zehe",
    "ankle": "ankle knoechel sprunggelenk osg cheville tobillo caviglia",
    "leg": "leg lowerleg unterschenkel jambe pierna gamba tibia fibula",
    "knee": "knee knie genou rodilla ginocchio patella",
    "femur": "femur thigh oberschenkel cuisse",
    "hip": "hip huefte hanche cadera anca",
    "pelvis": "pelvis becken bassin",
    "spine": "spine wirbelsaeule rachis columna cspine tspine lspine",
    "skull": "skull head schaedel crane craneo cranio",
    "abdomen": "abdomen bauch ventre addome",
}
PART_OF_WORD = {word: part for part, words in BODY_PARTS.items() for word in words.split()}
SIDES = re.compile(r"^(?:l|r|left|right|lt|rt|li|re|links|rechts)(?=[a-z])")
VIEWS = {
    **{word: "LATERAL" for word in ("LATERAL", "LAT", "LL", "RL", "LLAT", "RLAT")},
    **{word: word for word in ("AP", "PA", "LLO", "LPO", "RLO", "RPO")},
    **{word: "OBLIQUE" for word in ("OBL", "OBLIQUE")},
    **{word: "AXIAL" for word in ("AX", "AXIAL")},
}
SEXES = {"M": "M", "F": "F", "W": "F"}


def body_part(text: str) -> str:
    """Return the body part named in a film's text, "" if none or several are named."""
    words = re.findall(r"[a-z]+", text.lower().replace("ß", "ss"))
    without_side = (word if word in PART_OF_WORD else SIDES.sub("", word) for word in words)
    parts = {PART_OF_WORD[word] for word in without_side if word in PART_OF_WORD}
    return parts.pop() if len(parts) == 1 else ""


def view(text: str) -> str:
    """Return the view named in a film's text, in capitals, "" if none or several are named."""
    views = {VIEWS[word] for word in re.findall(r"[A-Z]+", text.upper()) if word in VIEWS}
    return views.pop() if len(views) == 1 else ""


def sex(text: str) -> str:
    """Return M, F or "" for the various notations."""
    return SEXES.get(text.strip().upper()[:1], "")
