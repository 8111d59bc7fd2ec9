"""What words in the titles of columns mean, in the languages that people's lists are written in. Data only.

A word is written as people write it; `titles` compares it without capitals and accents. Where words are written
together (Handynummer, 手机号码) the parts stand here, not the whole.
"""

from __future__ import annotations

from enum import Enum, auto


class Means(Enum):
    """What a word says of a column."""

    WHATSAPP = auto()
    MOBILE = auto()
    PHONE = auto()
    NUMBER = auto()  #: a number of whatever kind
    CONTACT = auto()  #: a way to reach somebody, perhaps by telephone
    RECORD = auto()  #: an id, an order, a customer, a tax or bank number: unless a word for telephones is beside it
    COUNTRY = auto()  #: the country's code, as it is dialled before a number in another column
    AREA = auto()  #: the area's code, likewise
    NATION = auto()  #: the country that somebody lives in
    NEVER = auto()  #: whatever is beside it: a fax, the number of a device or a contract
    FIXED = auto()  #: of a telephone: one that does not travel
    OTHERS = auto()  #: somebody else's: a parent's, the employer's
    EMERGENCY = auto()  #: to be called in need, not to be written to
    LATER = auto()  #: the second, old or alternative one
    FIRST = auto()  #: the main one
    PLAIN = auto()  #: says that a row is one of titles, and nothing about telephones
    JOIN = auto()  #: nothing


PHRASES: dict[Means, str] = {  # several words that mean another thing together; split by |
    Means.MOBILE: (
        "cep telefonu|cep telefon|cep tel|cep no|cep numarasi|telefon bimbit|telefon comorka|di động|"
        "điện thoại di động|số di động|تلفن همراه|شماره همراه|טלפון נייד|मोबाइल|telefono movil|matka puhelin|"
        "simu ya mkononi|telefone celular|no hp|telephone portable|telefon mobil|mobile money"
    ),
    Means.PHONE: (
        "điện thoại|số đt|so dt|no telp|شماره تماس|رقم التواصل|contact no|contact number|contact num|contact nr|"
        "numero de contacto|numero contacto|numero de contato|numero contato|nomor kontak|no kontak|"
        "numer kontaktowy|kontakt nummer|numero di contatto|numero de contact|контактный номер|контактний номер|"
        "संपर्क नंबर|संपर्क|contacto telefonico|مكالمات|رقم الاتصال|ב טלפון"
    ),
    Means.RECORD: (
        "tax id|tax no|tax number|vat no|p iva|partita iva|codice fiscale|tc kimlik|tc no|t c kimlik|kimlik no|"
        "sosyal güvenlik|vergi no|national id|id card|id no|mã số|mã khách hàng|số cmnd|số cccd|số tài khoản|"
        "mã đơn hàng|no kp|kad pengenalan|no kk|no rekening|no ktp|kode pos|order no|rodne cislo|código postal|"
        "code postal|zip code|post code|ת ז|תעודת זהות|مرجع|کد ملی|کد پستی|شناختی کارڈ|date of birth|cod fiscal|"
        "sécurité sociale|sécu|social security|numéro client|n client|müşteri no|sipariş no|personal nr|"
        "personal number|house no|house number"
    ),
    Means.COUNTRY: (
        "country code|country calling code|calling code|dial code|dialing code|dialling code|isd code|phone code|"
        "código de país|código país|código do país|code pays|indicatif pays|prefisso internazionale|"
        "prefijo internacional|prefijo país|ülke kodu|kod kraju|код страны|код країни|国家代码|国家码|国番号|국가번호|"
        "رمز الدولة|كود الدولة|كد کشور|kode negara|mã quốc gia|קידומת מדינה|देश कोड|mobile country code"
    ),
    Means.AREA: (
        "area code|std code|city code|código de área|código área|clave lada|alan kodu|kod kierunkowy|"
        "numer kierunkowy|код города|код міста|市外局番|지역번호|رمز المنطقة|kode area|kode wilayah|mã vùng"
    ),
    Means.EMERGENCY: (
        "in case of emergency|next of kin|in need|nood contact|notfall kontakt|contacto de emergencia|acil durum|"
        "jina la dharura"
    ),
    Means.NEVER: "whatsapp lid|wa lid|whatsapp group|whatsapp gruppe|whatsapp grupo|group id|group jid",
}

WORDS: dict[Means, str] = {  # single words, split by blanks
    Means.WHATSAPP: (
        "whatsapp whats whatsap watsapp watsap wattsapp whatapp whatsup wa wsp wpp wapp zap zapzap wats واتساب "
        "واتس وتساب واتسآب וואטסאפ ווטסאפ ватсап вотсап вацап व्हाट्सएप व्हाट्सऐप व्हाट्सएप्प वाट्सएप "
        "ওয়াটসঅ্যাপ হোয়াটসঅ্যাপ ワッツアップ 왓츠앱 ワッツ วอทส์แอพ วอตส์แอปป์"
    ),
    Means.MOBILE: (
        "mobile mob mobil mobiel mobiele mobilni mobilne mobilny mobila mobilais mobiil mobilus mobilusis "
        "mobilfunk mobiltelefon mobitel mobiteli mobilephone mobielnummer mobilnummer handy natel cell cellphone "
        "cellular cel cels celular celulares cellulare cellulari celu móvil movil móviles móbil mòbil portable "
        "portables gsm hp handphone handset smartphone telemóvel telemovel tlm tlmv komórka komorka komórkowy "
        "komórkowa kom matkapuhelin kännykkä kannykka farsimi farsími mobilszam mobilszám selular seluler ponsel "
        "phonemobile mobi mobtel mobiltel mobiltlf κινητό κινητο κινητού мобильный мобильного мобильн мобила моб "
        "сотовый сотов сот мобільний мобільн мобилен мобилни جوال محمول موبايل نقال خلوي خليوي موبایل همراه נייד "
        "סלולרי סלולארי פלאפון मोबाइल मोबाईल মোবাইল মুঠোফোন கைபேசி அலைபேசி மொபைல் మొబైల్ ಮೊಬೈಲ್ മൊബൈൽ ਮੋਬਾਈਲ "
        "મોબાઇલ موبائل မိုဘိုင်း มือถือ 手机 手機 行動 行动 移动 移動 モバイル 移动电话 流動電話 移動電話 携帯 "
        "ケータイ スマホ 휴대폰 휴대전화 핸드폰 모바일 მობილური բջջային mobilaus komórkowego"
    ),
    Means.PHONE: (
        "phone phones phoneno phonenumber telephone telephones tel tels tél telf tfno tlfno tlf tfn tfon "
        "téléphone telefon telefono teléfono teléfonos telefoni telefone telefones telefoane telefonas telefonía "
        "telefonnummer telefoon telefoonnummer telefonski telefonní telefoninumber telephonenumber telefonu "
        "telefonszám telef teleph teln fon fono fone fones foni rufnummer rufnr ruf sími tālrunis talrunis "
        "puhelin puhelinnumero puh telp telpon telepon telpnr nomortelepon simu ph phn tlp sdt sđt đt telno "
        "telnr rückrufnummer телефон телефона телефоны тел телефонен телефону τηλέφωνο τηλεφωνο τηλέφωνα τηλ "
        "هاتف الهاتف تلفون تليفون تلفن فون טלפון טל फ़ोन फोन दूरभाष ফোন টেলিফোন தொலைபேசி போன் ఫోన్ ಫೋನ್ ഫോൺ ਫੋਨ "
        "ફોન ٹیلیفون ฟোন โทรศัพท์ เบอร์โทร โทร เบอร์ 电话 電話 联系电话 聯絡電話 電話番号 連絡先番号 전화번호 "
        "전화 연락처 ტელეფონი ტელეფონის հեռախոս ስልክ ຟອນ ໂທລະສັບ ဖုန်း ទូរស័ព្ទ утас cellphones msisdn isdn"
    ),
    Means.NUMBER: (
        "number numbers num nums nbr no nos nr nro numero número números numeros nummer nummern nombor nomor "
        "nomer numer numéro numéros numara numarası numaraları numarasi núm szám szam cislo číslo broj numeris "
        "numurs numeri nambari namba số so номер номера ном αριθμός αριθμος رقم ارقام أرقام شماره نمبر מספר מס "
        "नंबर नम्बर संख्या নম্বর எண் หมายเลข 号码 號碼 番号 号 號 번호 ნომერი համար дугаар"
    ),
    Means.CONTACT: (
        "contact contacts contacto contactos contato contatos contatto contatti kontakt kontakte kontak "
        "kontaktas contactar yhteystieto kapcsolat iletişim iletisim контакт контакты контакти επικοινωνία اتصال "
        "تواصل تماس קשר संपर्क যোগাযোগ 联系 联系方式 聯絡 連絡先 연락 ติดต่อ reachable"
    ),
    Means.RECORD: (
        "id ids folio uid uuid guid ident identity identifier identificación identificacion identificação "
        "identidad identidade kennung kennziffer code codes código codigo codice cod kod kode koodi index key "
        "ref reference referenz referencia referência riferimento referentie order orders ordre ordine ordini "
        "bestellung bestell bestelling auftrag auftrags pedido pedidos commande commandes zamówienie zamowienie "
        "zamowienia zamówienia objednávka objednávky comanda sipariş siparis pesanan tilaus rendelés bestilling "
        "beställning заказ заказа замовлення поръчка طلب الطلب سفارش הזמנה ऑर्डर 订单 訂單 注文 주문 customer "
        "customers cust client clients cliente clientes clienti kunde kunden kund kdnr kd klant klanten klient "
        "klienta klienci cliënt zákazník zakaznik asiakas ügyfél ugyfel müşteri musteri pelanggan khách клиент "
        "клиента клієнт πελάτης πελάτη κωδικός عميل العميل مشتری לקוח ग्राहक গ্রাহক 客户 客戶 顧客 고객 member "
        "members membership mitglied mitglieds miembro membre socio socios lid leden członek medlem член عضو חבר "
        "会员 會員 会員 회원 account acct acc konto kontos compte cuenta conta rekening rekeninge счет счёт حساب "
        "חשבון खाता 账号 账户 帳號 口座 계좌 bank banco banque banca iban bic swift sort routing clabe cbu ifsc "
        "tax taxes vat gst gstin pan tin ein ssn sin nin nino nif nie nipc niss dni cuit cuil rut run rfc curp "
        "cpf cnpj rg ruc ci cedula cédula nit cc ife ine cnp cui vatid siret siren insee steuer steuernummer "
        "steuernr ust ustid steuerid sozialversicherung svnr ahv nip pesel regon nnn dič dic ičo ico rodné egn "
        "eik jmbg oib emšo emso pib kennitala personnummer personnr personal cpr cvr henkilötunnus hetu orgnr "
        "organisationsnummer isikukood adószám adoszam taj vergi tckn kimlik ktp nik npwp nric mykad cmnd cccd "
        "cnic aadhaar aadhar uan voter инн иин снилс огрн кпп паспорт паспорта іпн рнокпп егн афм αφμ αμκα هوية "
        "الهوية اقامة إقامة ضريبي ملی کارت זהות תז เลขบัตร บัตรประชาชน kitambulisho आधार पैन आईडी আইডি 身份证 "
        "身份證 身分證 证件 税号 編號 编号 学号 工号 マイナンバー 사업자 주민등록번호 주민 passport pasaporte "
        "passaporte passeport reisepass ausweis ausweisnummer paszport pass جواز 护照 employee emp staff "
        "mitarbeiter personalnummer personalnr empleado funcionario funcionário salarié matricule matrícula "
        "matricula matrikel matrikelnummer student students schüler schueler roll enrollment enrolment enrol "
        "registration reg registro legajo expediente inscripción patient patienten paciente pasien dossier akte "
        "vorgang fall case ticket ticketid lead leads invoice inv invoices rechnung rechnungs factura facturas "
        "fatura faktura facture fattura számla lasku счёта فاتورة חשבונית 发票 發票 請求書 청구서 transaction "
        "txn trx transaktion transacción transação payment zahlung pago pagamento paiement belopp betrag amount "
        "total sum summe importe monto valor price preis precio preço prix prezzo balance saldo debt deuda "
        "schuld umsatz revenue points punkte puntos quantity qty menge anzahl cantidad quantidade quantité stück "
        "count article artikel artículo articulo sku ean upc gtin barcode isbn product produkt producto produto "
        "produit prod item tracking sendung sendungs shipment parcel paket paquete colis guia guía awb "
        "consignment booking buchung reservation reserva réservation policy police póliza apólice polizza "
        "versicherung insurance plz zip postal postcode postleitzahl cp cap cep pincode pin postnummer postnr "
        "psč psc индекс door haus hausnummer floor room zimmer box latitude longitude lat lng "
        "lon geo coordinates date datum fecha data dates birth birthday geburtstag geburtsdatum dob nacimiento "
        "nascimento naissance year jahr año ano année month age alter edad idade time timestamp created updated "
        "fbid psid wechat 微信 weixin qq telegram instagram facebook skype license licence immobilie immobilien "
        "immobile immobiliare inmobiliaria imobiliária immobilier driver führerschein kfz plate kennzeichen vin "
        "fahrgestell meter zähler zaehler zählernummer iln gln duns handelsregister hrb loyalty card karte "
        "tarjeta cartão cartao carte karten kort clave lfd seq sequence row line zeile position pos رقمي کد كود "
        "بطاقة تاريخ שנה תאריך رمز وصولات 邮编 郵遞區號 郵便 우편 日期 生日 金额 数量 序号"
    ),
    Means.COUNTRY: "ddi isd landesvorwahl ländervorwahl länderkennzahl ländercode landskod landekode countrycode",
    Means.AREA: (
        "ddd lada vorwahl vorwahlnummer ortsvorwahl area areacode indicatif prefijo prefisso prefixo prefix kengetal "
        "netnummer riktnummer suuntanumero кодгорода קידומת 区号 區號"
    ),
    Means.NATION: (
        "country land país pais pays paese nation staat wohnland ülke ulke kraj země zeme krajina maa ország țara tara "
        "страна країна χώρα بلد الدولة کشور ארץ מדינה देश দেশ negara nchi 国家 國家 国 국가 ประเทศ iso"
    ),
    Means.NEVER: (
        "fax faxe faxes telefax faxnummer faksi faks fakss facsimile télécopie telecopie telecopieur télécopieur "
        "telecopia факс φαξ فاكس فکس פקס फैक्स 传真 傳真 ファックス ファクス 팩스 แฟกซ์ imei imsi iccid meid esn "
        "serial seriennummer seriennr vertrag vertrags vertragsnummer contract contrat contrato contratto "
        "kontrakt umowa umowy sözleşme договор договора عقد 合同 契約 puk lidid extension durchwahl"
    ),
    Means.FIXED: (
        "fixe fixo fija fijo fisso festnetz landline landlines vast vaste fastnet fasttelefon fasttlf home "
        "stacjonarny pevná pevna vezetékes vezetekes lanka fixed line домашний городской стационарный ثابت أرضي "
        "ارضي קווי 座机 固话 固定電話 市話 유선 집 자택 residencial casa domicilio domicile hausanschluss ev "
        "house rumah"
    ),
    Means.OTHERS: (
        "parent parents father mother mom mum dad eltern vater mutter padre madre padres pai mãe mae père mère "
        "pere mere guardian vormund tutor tutora responsável responsavel responsable apoderado acudiente "
        "encargado spouse wife husband partner ehepartner ehefrau ehemann cónyuge conyuge conjoint conjuge "
        "cônjuge esposo esposa son daughter child kind kinder hijo hija employer arbeitgeber empleador employeur "
        "empresa company companies firma firmen entreprise société societe azienda ditta bedrijf företag foretag "
        "virksomhed szef office büro buero oficina bureau ufficio escritório escritorio switchboard zentrale "
        "supplier lieferant proveedor fornecedor fournisseur vendor seller vendedor agent agente berater "
        "betreuer manager supervisor referrer referral referido witness garant guarantor fiador aval doctor arzt "
        "hausarzt médico medico courier branch filiale sucursal store shop tienda hotline support helpline "
        "ansprechpartner sachbearbeiter assistant assistent asistente родителя родителей мать мамы отец отца "
        "компании 家长 家長 父亲 母亲 父 母 公司 会社 保護者 학부모 부모 회사 ولي الأمر והורה אב אם אבא אמא माता "
        "पिता अभिभावक שותף חברה"
    ),
    Means.EMERGENCY: (
        "emergency notfall emergencia emergencias emergência urgence urgences emergenza nood noodgeval nød "
        "nödfall hätä alarm sos acil darurat экстренный экстренной طوارئ חירום आपातकालीन 紧急 緊急 비상"
    ),
    Means.LATER: (
        "billing shipping delivery facturación envío entrega livraison facturation lieferung alternate "
        "alternative alternativ alternativo alternativa alternatif alt second secondary secondo secondaire "
        "secundario secundário secundaria zweite zweites zweit sekundär other andere anderes otro otra outro "
        "outra autre altro old former previous früher anterior ancien backup additional zusätzlich adicional "
        "weitere weiteres extra дополнительный доп другой старый اخر أخرى بديل נוסף वैकल्पिक 备用 其他 その他 "
        "기타"
    ),
    Means.FIRST: (
        "main primary principal principale principali haupt hauptnummer prinzipal primario primär primaire first "
        "erste primera primero primeiro preferred bevorzugt preferido основной главный رئيسي ראשי मुख्य 主要 主"
    ),
    Means.PLAIN: (
        "name names daten data first last firstname lastname surname fullname nombre nombres apellido apellidos "
        "nome nomes sobrenome apelido nom prénom prenom cognome vorname nachname familienname anrede salutation "
        "title titel imie imię nazwisko naam voornaam achternaam navn namn förnamn fornamn efternamn nimi "
        "etunimi sukunimi név nev keresztnév ad adı soyad soyadı isim nama ten tên jina имя фамилия отчество "
        "ім'я прізвище όνομα επώνυμο اسم الاسم نام שם नाम নাম ชื่อ 姓名 名字 名前 氏名 이름 성명 email mail "
        "correo courriel корреο почта 邮箱 メール 이메일 city stadt ort ciudad cidade ville città citta plaats "
        "miasto by stad город مدينة עיר शहर 城市 都市 도시 address adresse anschrift dirección direccion "
        "endereço endereco indirizzo adres адрес عنوان כתובת पता 地址 住所 주소 country land país pais pays "
        "paese state bundesland region note notes notiz notizen bemerkung comment comments kommentar nota notas "
        "observaciones remarks gender geschlecht sex genero status tag tags group kategorie category language "
        "sprache idioma phonetic phonetisch phonétique fonetico fonético fonética type typ label ime automobile "
        "automobil mobilier mobilität mobility handyman handling telegraf phoneme handyhülle cancelled canceled "
        "cancel cells"
    ),
    Means.JOIN: (
        "of the with incl including and or de da do del della di du des la le el los las en und mit oder für "
        "fuer a e y o et ou i s n es den der die das von van vom zu per em para por com con sem sin avec your my "
        "their his her meine ihre in at for to full valid private privat privé prive particular personal "
        "persönlich personale business geschäftlich dienstlich work arbeit trabajo trabalho travail lavoro "
        "beruflich country international intl format country_code please value wert and/or opt bitte number(s) "
        "phones active aktiv current aktuell new neu"
    ),
}
