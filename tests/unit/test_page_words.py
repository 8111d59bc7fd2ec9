"""What is told by words only, in English and four other languages; and words that are near, and something else."""

from __future__ import annotations

import re

import pytest

from daemon.transports.browser import selectors

DATA = selectors.built_in().data


def words(name: str) -> str:
    """The pattern of a text, or of the first choice that goes by words or by a label."""
    if name in DATA["text"]:
        return str(DATA["text"][name])
    return next(
        each.get("text") or each["label"]
        for each in DATA["find"][name]
        if isinstance(each, dict) and each.keys() & {"text", "label"}
    )


def says(name: str, text: str) -> bool:
    return bool(re.search(words(name), text, re.I | re.M))


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("use_here", ["Use here", "Usar aquí", "Usar aqui", "استخدام هنا", "यहाँ इस्तेमाल करें"]),
        ("reconnect", ["Reconnect", "Retry now", "Reconectar", "Volver a conectar", "إعادة الاتصال", "फिर से कनेक्ट करें"]),
        ("log_out", ["Log out", "Cerrar sesión", "Desconectar", "تسجيل الخروج", "लॉग आउट", "लॉग आउट करें"]),
        ("log_out_all", ["Log out of WhatsApp Web", "Desconectar do WhatsApp Web", "Cerrar sesión en WhatsApp Web"]),
        ("conflict", [
            'WhatsApp is open in another window. Click "Use here"', "WhatsApp está abierto en otra ventana.",
            "O WhatsApp está aberto em outra janela.", "واتساب مفتوح في نافذة أخرى", "WhatsApp किसी अन्य विंडो में खुला है।",
        ]),
        ("offline", [
            "Computer not connected", "Computador não conectado", "Ordenador sin conexión", "الكمبيوتر غير متصل",
            "कंप्यूटर कनेक्ट नहीं है", "Sem conexão com a internet",
        ]),
        ("invalid_number", [
            "The number +49 151 1 isn't on WhatsApp.", "O número +55 11 9 não está no WhatsApp.",
            "El número +34 6 no está en WhatsApp.", "الرقم +20 10 غير موجود على واتساب.",
            "नंबर +91 98 WhatsApp पर नहीं है।",
            "Phone number shared via url is invalid.", "El número de teléfono compartido por la URL no es válido.",
            "O número de telefone compartilhado por url é inválido.",
        ]),
        ("starting_chat", ["Starting chat", "Iniciando conversa", "Iniciando chat", "بدء الدردشة", "चैट शुरू हो रही है"]),
        ("put_away", ["Cancel", "Close", "Cancelar", "إلغاء", "रद्द करें"]),
        ("foreign", ["Lista de conversas", "Lista de chats", "قائمة الدردشات", "चैट लिस्ट", "Chatliste"]),
        ("send_preview", ["Send", "Send 2 files", "Send 2 selected"]),
        ("unsupported_file", ["1 file you tried adding is not supported.", "Unsupported file"]),
    ],
)  # fmt: skip
def test_what_is_known(name: str, texts: list[str]) -> None:
    """Each is told, whatever the language."""
    assert [] == [text for text in texts if not says(name, text)]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("reconnect", ["Try again", "Tentar novamente", "Reintentar", "إعادة المحاولة", "फिर से कोशिश करें"]),
        ("use_here", ["Use", "Use here only"]),
        ("log_out", ["Sair do grupo", "Do not log out"]),
        ("invalid_number", ["Messages to this number are on WhatsApp.", "Invite to WhatsApp"]),
        ("foreign", ["Chat list", "Search results.", "Chats"]),
        ("send_preview", ["Send feedback", "Send as sticker", "Send message to Anna", "Sender"]),
        ("unsupported_file", ["This file type is not supported for preview.", "No preview: unsupported"]),
        ("starting_chat", ["Restarting", "We are starting a chat"]),
    ],
)  # fmt: skip
def test_what_is_something_else(name: str, texts: list[str]) -> None:
    """A click on it would send a message again, or do something that nobody asked for."""
    assert [] == [text for text in texts if says(name, text)]


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("What's new on WhatsApp Web\nChat themes", True),
        ("New\nWhat's new on WhatsApp\nChat themes", True),
        ("What's new on WhatsApp Web\nA security check is needed", False),
        ("Quick security check with Passkey", False),
    ],
)
def test_the_news_are_told_from_a_check(text: str, closed: bool) -> None:
    """By their own words, wherever they stand."""
    news = next(entry for entry in selectors.built_in().dismiss if entry["name"] == "whats_new")
    says_so = re.search(news["text"], text, re.I) and not re.search(news["unless"], text, re.I)

    assert closed is bool(says_so)
