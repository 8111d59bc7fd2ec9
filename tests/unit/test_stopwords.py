"""Which replies ask not to be written to again, and which do not."""

from __future__ import annotations

import pytest

from daemon.contacts import optout

STOP = """
STOP | stop | Stop. | stop! | “STOP” | *STOP* | STOP STOP STOP | S T O P | S.T.O.P. | stoooop | stopppp!!! | ＳＴＯＰ
🛑 STOP 🛑 | stop❤️
st\u200bop | \u202aSTOP\u202c | \u00a0 stop \t | Stop please | please stop | Pls stop, thanks!
Hi, please stop. Thank you | OK stop
unsubscribe | Unsubscribe me | please unsubscribe me | opt out | OPT-OUT | remove me | Remove me from your list please
stop texting me
Don't text me | do not contact me | leave me alone | CANCEL | END | QUIT
baja | BAJA | Dame de baja, por favor | cancelar suscripción | No más mensajes | no quiero recibir más mensajes
SAIR | Sair, por favor | quero sair | não quero mais receber mensagens | descadastrar | Pare de enviar mensagens
arrêt | ARRETEZ | se désabonner | Désabonnez-moi, s'il vous plaît | ne m'écrivez plus
Stopp | abmelden | Bitte abmelden! | Ich möchte mich abmelden | keine Werbung mehr | AUFHÖREN
cancellami | Disiscrivimi, grazie | basta | non voglio più ricevere messaggi
İPTAL | iptal | durdur | DUR | çık | Lütfen yazmayın | berhenti | tolong berhenti | Jangan kirim lagi | UNREG
СТОП | стоп | Отпишите меня, пожалуйста | отписаться | не пишите мне | хватит | удалите мой номер | відписатися
إيقاف | ايقاف | أوقف | إِلْغَاءُ الاِشْتِرَاك | إلغـــاء الاشتراك | قف | توقف من فضلك | لغو | بند کرو | הסר
הסירו אותי, בבקשה
बंद करो | कृपया बंद करें | रोकें | मत भेजो | स्टॉप | band karo | Mat bhejo bhai | বন্ধ করুন | ਬੰਦ ਕਰੋ | நிறுத்து
ఆపండి | ನಿಲ್ಲಿಸಿ | നിർത്തുക
退订 | 退訂 | 取消订阅 | TD | 请停止 | 停止してください | 配信停止 | ストップ | ｽﾄｯﾌﾟ | 수신거부 | 그만 보내세요
dừng lại | DỪNG | huỷ | หยุด | ยกเลิก
afmelden | avregistrera
"""
GO_ON = """
don't stop | Don’t stop! | please don't stop | do not stop | bus stop | non-stop | stop by tomorrow
I will stop at your shop | stopwatch
Stopover? Yes, please | unstoppable | can you stop by? | when do you stop selling these? | no | No, thanks | ok | yes
please | Thank you | 👍
1 | ? | … | لا | نعم | شكرا | हाँ | नहीं | ठीक है | acha | para mañana | para cuando | não | nein danke | Halteverbot
end of month
the end | cancel my appointment | Bitte nicht abmelden! | no me des de baja | не отписывайте | basta pasta
stop sign ahead
"""


def listed(text: str) -> list[str]:
    return [part for line in text.strip("\n").split("\n") for part in line.split(" | ")]


@pytest.mark.parametrize("text", listed(STOP))
def test_these_ask_to_stop(text: str) -> None:
    """In any language, case and script, with politeness, signs and emoji around it."""
    assert optout.asks_to_stop(text)


@pytest.mark.parametrize("text", ["", " ", "\n", "*", *listed(GO_ON)])
def test_these_ask_for_nothing_of_the_kind(text: str) -> None:
    """A part of a sentence is no wish, and its contrary least of all."""
    assert not optout.asks_to_stop(text)


def test_a_letter_with_stop_in_it_is_a_letter() -> None:
    """Only the whole text counts; a very long one is not even read to its end."""
    assert not optout.asks_to_stop("Hello, I was wondering whether you could\nSTOP\nby our office. " * 3)
    assert not optout.asks_to_stop("stop " + "x" * 100_000)
    assert not optout.asks_to_stop("please " * 20_000)


def test_it_says_so_again_and_again() -> None:
    """As long as it is read, repetition is no letter."""
    assert optout.asks_to_stop("STOP\n" * 5)
    assert optout.asks_to_stop("remove me, remove me!")


def test_further_words_come_from_the_setting() -> None:
    """With commas between; they are folded as what is compared with them."""
    further = optout.more("  Weg damit!, PASTA ,,")

    assert {"weg damit", "pasta"} == further
    assert optout.asks_to_stop("bitte weg  damit", further)
    assert optout.asks_to_stop("Pasta 🍝", further)
    assert not optout.asks_to_stop("pasta")
    assert frozenset() == optout.more("")


def test_every_word_of_the_list_is_one() -> None:
    """None is lost by how the list is written, and none is a word of politeness."""
    pleas = optout._phrases(optout.POLITE)

    assert [] == [phrase for phrase in optout._STOPS if not optout.asks_to_stop(phrase)]
    assert set() == optout._STOPS & pleas
    assert [] == [plea for plea in pleas if optout.asks_to_stop(plea)]
