"""Whether a reply asks not to be written to again. Pure.

The whole text is compared, never a part of it: "don't stop" and a letter that has "stop" in it ask for nothing. To miss
somebody who opted out is worse than to take one too many, so what is commonly agreed upon as an opt-out counts
("CANCEL", "BAJA", "SAIR"), even where it may have been meant otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LONGEST = 80
"""Characters of a folded text; more are a letter, not a word."""
MOST_READ = 400
"""Characters that are looked at: signs around a word may be many."""

_MARKS = frozenset({7, *range(10, 36), 230, 220, 202, 232, 216})  # accents, Hebrew and Arabic points, nukta; no vowels
_ALIKE = str.maketrans({"ı": "i", "ـ": "", "ى": "ي", "ة": "ه", "ی": "ي", "ک": "ك", "ٱ": "ا", "œ": "oe", "æ": "ae",
                        "ø": "o", "ł": "l", "đ": "d"})  # fmt: skip
_KEYCAPS = re.compile("[\u20e3\ufe0e\ufe0f]")
_STRETCHED = re.compile(r"(\w)\1{2,}")

WORDS = """
# English
stop | stop all | stopall | stop it | stop this | stop now | unsubscribe | unsub | opt out | optout | opt me out
cancel | end | quit | revoke | remove | remove me | delete me | take me off | take me off the list
take me off your list | remove me from the list | remove me from your list | unsubscribe me | no more
no more messages | no more texts | stop messaging | stop messaging me | stop texting | stop texting me | stop writing
stop writing me | stop writing to me | stop sending | stop sending me messages | stop sending me these
stop sending messages | stop contacting me | stop messages | stop spam | stop spamming | stop spamming me
do not contact | do not contact me | do not message me | do not text me | do not write to me | dont contact me
don t contact me | dont message me | don t message me | dont text me | don t text me | dont write to me
don t write to me | leave me alone | i want to unsubscribe | i want to opt out | i unsubscribe | i want to stop
stop subscription | cancel subscription | end subscription | stop promotions | wrong number stop
# Spanish
alto | basta | basta ya | baja | darse de baja | dar de baja | darme de baja | dame de baja | deme de baja
quiero darme de baja | cancelar | cancelar suscripcion | parar | pare | para ya | detener | detente | detenganse
eliminar | eliminame | borrame | quitame de la lista | no molestar | no mas | no mas mensajes
no mas mensajes por favor | no quiero mas mensajes | no quiero recibir mensajes | no quiero recibir mas mensajes
no me escriba | no me escriban | no me escribas mas | no me escriban mas | no me contacten | dejen de escribirme
deja de escribirme | desuscribir | desuscribirme | desuscribirse | anular suscripcion | salir
# Portuguese
sair | quero sair | descadastrar | descadastro | descadastre me | me descadastre | remover | remova me | me remova
me remove | me tira da lista | me tire da lista | remover da lista | cancelar inscricao | cancelar assinatura | chega
nao quero mais | nao quero receber | nao quero mais receber | nao quero receber mais | nao quero receber mensagens
nao quero mais mensagens | nao quero mais receber mensagens | nao quero receber mais mensagens | pare de enviar
pare de enviar mensagens | pare de mandar mensagens | parem de enviar mensagens | parem de mandar mensagens
nao me mande mais mensagens | nao me envie mais mensagens | nao me mandem mais mensagens | excluir | me exclua
# French
arret | arrete | arretez | arreter | arretez ca | stopper | desabonner | desabonnement | desabonnez moi
me desabonner | se desabonner | desinscrire | desinscription | me desinscrire | desinscrivez moi | resilier | annuler
retirez moi | retirez moi de la liste | supprimez moi | ne plus recevoir | plus de messages | ne m ecrivez plus
ne me contactez plus | ne plus me contacter | je ne veux plus recevoir de messages | je veux me desabonner
# German
stopp | stoppen | halt | aufhoren | aufhoeren | abmelden | abmeldung | abbestellen | austragen | abbestellung
abbrechen | loschen | loeschen | kundigen | kuendigen | bitte abmelden | mich abmelden | melden sie mich ab
melde mich ab | tragen sie mich aus | trag mich aus | streichen sie mich | ich mochte mich abmelden
ich moechte mich abmelden | keine nachrichten | keine nachrichten mehr | keine weiteren nachrichten
nicht mehr schreiben | nicht mehr anschreiben | schreiben sie mir nicht mehr | schreib mir nicht mehr
kein interesse mehr | keine werbung | keine werbung mehr
# Italian
ferma | fermati | fermatevi | fermare | smetti | smettila | smettetela | disiscrivi | disiscrivimi | disiscrivermi
disiscrizione | disiscrivetemi | cancella | cancellami | cancellatemi | cancellazione | annulla | rimuovi | rimuovimi
rimuovetemi | non scrivermi piu | non scrivetemi piu | non contattatemi piu | niente messaggi | basta messaggi
non voglio piu ricevere messaggi | non voglio ricevere messaggi
# Dutch
afmelden | uitschrijven | stoppen | meld me af | schrijf me uit | geen berichten meer | opzeggen | verwijder mij
verwijder me | niet meer sturen
# Scandinavian and Finnish
avsluta | avregistrera | avanmal | avanmal mig | avbryt | sluta | sluta skriva | inga fler meddelanden | avmeld
meld meg av | avslutt | ikke mer | ikke flere meldinger | afmeld | afmeld mig | ikke flere beskeder | stop det
lopeta | peruuta | poista minut | ei enaa viesteja | en halua viesteja | haetta | haettu
# Polish, Czech, Slovak, Hungarian, Romanian, South Slavic, Greek, Albanian
rezygnuje | rezygnacja | wypisz | wypisz mnie | wypisuje sie | usun | usun mnie | koniec | przestan | prosze nie pisac
nie pisac | nie pisz do mnie | odhlasit | odhlasit se | odhlasit sa | odhlaste me | zrusit | nepiste mi | nepis mi
konec | leiratkozas | leiratkozom | leiratkozni | torles | ne irjon | ne irjanak | allj | dezabonare | dezabonati ma
ma dezabonez | opreste | opriti | nu mai trimiteti | odjava | odjavi me | odjavi | prestani | prestanite
ne pisite mi | odjavite me | στοπ | σταματα | σταματηστε | διαγραφη | καταργηση εγγραφης | απεγγραφη | ndalo
c abonohem | cregjistrohem
# Turkish, Azerbaijani
dur | durdur | durdurun | iptal | iptal et | ret | cik | cikmak istiyorum | listeden cik | listeden cikar
listeden cikarin | abonelikten cik | mesaj atmayin | mesaj atma | mesaj istemiyorum | yazmayin | rahatsiz etmeyin
beni listeden cikarin | dayandir | dayandirin | yazma
# Russian, Ukrainian, Bulgarian, Serbian, Kazakh
стоп | остановить | остановите | остановись | отписка | отписаться | отпишите | отпишите меня | отписать | отпиши меня
отмена | отказ | отказаться | хватит | не пишите | не пишите мне | не писать | не пиши мне | больше не пишите
больше не пишите мне | удалите меня | удалить | удалите мои номер | прекратите | прекратить | уберите меня из рассылки
не присылаите | не надо писать | відписатися | відписати | відпишіть мене | зупинити | зупиніть | не пишіть
не пишіть мені | досить | скасувати | спри | спрете | откажи | отпиши ме | не ми пишете | престани | престаните
одјава | токта | тоқта
# Arabic, Persian, Urdu, Hebrew
ايقاف | اوقف | اوقفوا | توقف | توقفوا | قف | وقف | الغاء | الغاء الاشتراك | الغي الاشتراك | ايقاف الرسائل
اوقف الرسائل | وقف الرسائل | كفي | كفايه | ستوب | حذف | احذفني | احذفوني | لا ترسل | لا ترسلوا | لا ترسل لي
لا تراسلني | لا تراسلوني | لا اريد رسائل | لا اريد المزيد من الرسائل | لغو | لغو اشتراك | لغو عضويت | پيام نديد
پيام ندهيد | نفرست | بند كرو | بند كريں | بند كر ديں | بند كردو | روكو | روكيں | ميسج نه كريں | مت بهيجو | سٹاپ | הסר
הסירו | הסרה | להסיר | תסירו אותי | הסירו אותי | להסרה | עצור | עצרו | תפסיקו | תפסיק | די | סטופ | לא לשלוח
אל תשלחו
# Hindi and other languages of India, also in Latin letters
रोकें | रोको | रोक दो | रोक दें | रोकिए | रुको | रुकें | रुकिए | बंद | बंद करो | बंद करें | बंद कर दो | बन्द करो
बन्द करें | स्टॉप | हटाओ | हटाएं | मुझे हटाओ | मुझे हटा दो | मत भेजो | मत भेजें | मैसेज मत करो | मैसेज मत भेजो
संदेश मत भेजो | सदस्यता समाप्त | सदस्यता समाप्त करें | सदस्यता रद्द करें | रद्द करें | रद्द करो | अनसब्सक्राइब | थांबा
थांबवा | बंद करा | मेसेज नको | band karo | band kar do | bandh karo | band karein | band kare | ruko | roko | rok do
mat bhejo | message mat karo | message mat bhejo | msg mat karo | msg mat bhejo | mujhe message mat karo
mujhe mat bhejo | hatao | thamba | বন্ধ | বন্ধ করুন | বন্ধ কর | বন্ধ করো | থামুন | থামো | স্টপ | আর পাঠাবেন না
মেসেজ দিবেন না | বাতিল | ਬੰਦ ਕਰੋ | ਰੋਕੋ | ਸਟਾਪ | બંધ કરો | રોકો | સ્ટોપ | நிறுத்து | நிறுத்துங்கள் | நிறுத்தவும்
ஸ்டாப் | ఆపు | ఆపండి | ఆపివేయండి | స్టాప్ | ನಿಲ್ಲಿಸಿ | ನಿಲ್ಲಿಸು | ಸ್ಟಾಪ್ | നിർത്തുക | നിർത്തൂ | നിർത്ത് | സ്റ്റോപ്പ്
එපා | නවත්වන්න | रोक्नुहोस् | बन्द गर्नुहोस् | नपठाउनुहोस्
# Indonesian, Malay, Filipino, Vietnamese, Thai, Burmese, Khmer, Lao
berhenti | berhenti berlangganan | hentikan | henti | setop | stop kirim | stop kirim pesan | jangan kirim
jangan kirim lagi | jangan kirim pesan | jangan kirim pesan lagi | jangan hubungi saya | jangan wa lagi | batal
batalkan | hapus | hapus saya | hapus nomor saya | keluar | unreg | tidak mau lagi | jangan hantar lagi
jangan mesej saya | tigil | itigil | tama na | ihinto | huwag na mag text | huwag na mag message | wag na mag text
wag na mag message | dung | dung lai | dung nhan tin | dung nhan tin nua | ngung | ngung gui | ngung gui tin | huy
huy dang ky | tu choi | tc | khong nhan tin nua | dung gui nua | หยุด | หยุดส่ง | หยุดส่งข้อความ | ยกเลิก
ยกเลิกการสมัคร | เลิกส่ง | ไม่รับข้อความ | พอแล้ว | ရပ် | ရပ်ပါ | ឈប់ | បញ្ឈប់ | ຢຸດ
# Chinese, Japanese, Korean
退订 | 请退订 | 请停止 | 請停止 | 退訂 | 取消订阅 | 取消訂閱 | 取消 | 停止 | 停 | 停止发送 | 停止發送 | 不要再发
不要再发了 | 不要再發
不要再發了 | 别发了 | 別發了 | 不要发了 | 别再发了 | 拒收 | td | 停止してください | 配信停止 | 配信停止してください
停止希望 | 解除 | 配信解除 | ストップ | やめて | やめてください | 止めて | 止めてください | もう送らないで
もう送らないでください | 수신거부 | 수신 거부 | 중지 | 중단 | 그만 | 그만해 | 그만하세요 | 그만 보내세요 | 그만 보내
보내지 마세요 | 스톱 | 스탑 | 해지
# Languages of Africa
acha kutuma ujumbe | acha kunitumia ujumbe | simama | sitisha | koma | ondoa | niondoe | usinitumie ujumbe
usitume tena | komesha | jiondoe | tsaya | daina | a daina | dawo duro | kwusi | yima | hagarika | hou op
moet nie meer stuur nie | verwyder my | teken uit | jooji | iska jooji | አቁም | አቁሙ | ይቁም | hagarara
"""

POLITE = """
please | pls | plz | plss | kindly | thanks | thank you | thx | ty | many thanks | ok | okay | oke | hi | hello | hey
dear | sir | madam | sorry | now | immediately | just | i said | por favor | porfavor | gracias | hola | ya | obrigado
obrigada | ola | oi | pf | pfv | s il vous plait | s il te plait | svp | stp | merci | bonjour | bonsoir | bitte
danke | hallo | sofort | guten tag | per favore | per piacere | grazie | ciao | salve | lutfen | tesekkurler | merhaba
tolong | mohon | terima kasih | halo | dong | saja | пожалуиста | спасибо | здравствуите | добрыи день | будь ласка
дякую | من فضلك | لو سمحت | لو سمحتم | رجاء | الرجاء | شكرا | لطفا | برائے مہرباني | प्लीज़ | प्लीज | कृपया | धन्यवाद
नमस्ते | भाई | bhai | prosze | dziekuje | alstublieft | alsjeblieft | aub | bedankt | tack | snalla | takk | tak
prosim | dekuji | kerem | koszonom | va rog | multumesc | molim | hvala | παρακαλω | ευχαριστω | בבקשה | תודה | ขอบคุณ
ครับ | ค่ะ | tafadhali | asante | vui long | cam on | 请 | 谢谢 | 謝謝 | 請 | お願いします | 부탁드립니다
"""


def fold(text: str) -> str:
    """The words of a text, in small letters: no accents or points, signs, emoji or double spaces; full width as usual.

    "S T O P" is "stop", and so is "STOPPPP".
    """
    text = _KEYCAPS.sub("", text[:MOST_READ])
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    text = "".join(sign for sign in text if unicodedata.combining(sign) not in _MARKS)
    text = unicodedata.normalize("NFC", text).translate(_ALIKE)
    words = "".join(_kept(sign) for sign in text).split()
    if len(words) > 2 and all(len(word) == 1 for word in words):
        words = ["".join(words)]
    return _STRETCHED.sub(r"\1", " ".join(words))


def _kept(sign: str) -> str:
    """A letter, vowel sign or digit as it is; what joins letters without being seen as nothing; else a space."""
    kind = unicodedata.category(sign)
    if kind[0] in "LMN":
        return sign
    return "" if kind == "Cf" else " "


def _phrases(text: str) -> frozenset[str]:
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(folded for line in lines for phrase in line.split("|") if (folded := fold(phrase)))


_STOPS = _phrases(WORDS)
_POLITE = sorted((tuple(phrase.split()) for phrase in _phrases(POLITE)), key=len, reverse=True)


@lru_cache(8)
def more(setting: str) -> frozenset[str]:
    """Further words or phrases, as the setting has them: with commas between."""
    return frozenset(folded for phrase in setting.split(",") if (folded := fold(phrase)))


def asks_to_stop(text: str, further: frozenset[str] = frozenset()) -> bool:
    """Whether the whole text is one of the agreed words or phrases, or one of `further` (see `more`).

    Greetings and pleas around it, and its repetition, change nothing.
    """
    folded = fold(text)
    if not folded or len(folded) > LONGEST:
        return False
    words = folded.split()
    while words:
        phrase = " ".join(_once(words))
        if phrase in _STOPS or phrase in further or " ".join(words) in further:
            return True
        shorter = _without_plea(words)
        if shorter == words:
            return False
        words = shorter
    return False


def _once(words: list[str]) -> list[str]:
    """The words of "stop stop stop" as one "stop"; also of a phrase that is said again and again."""
    for length in range(1, len(words) // 2 + 1):
        if len(words) % length == 0 and words == words[:length] * (len(words) // length):
            return words[:length]
    return words


def _without_plea(words: list[str]) -> list[str]:
    for plea in _POLITE:
        if len(plea) < len(words):
            if tuple(words[: len(plea)]) == plea:
                return words[len(plea) :]
            if tuple(words[-len(plea) :]) == plea:
                return words[: -len(plea)]
    return words
