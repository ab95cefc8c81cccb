"""The lexicon of the mini set: 116 things and ten colours, in English and Arabic.

English names and CLDR short names come from ``pictograms.json``. The Arabic is written by hand, because
counting depends on grammar: the gender of the noun selects the number word ("ثلاثة أسود", "ثلاث سيارات"),
two of a thing is the dual ("سمكتان", in the genitive "سمكتين"), and adjectives agree ("تفاحتان حمراوان").
"""

import json
from dataclasses import dataclass
from pathlib import Path

from training import synonyms


@dataclass(frozen=True)
class Noun:
    """A name of a thing in both languages.

    ``dual`` is the nominative; ``plural`` is used with three to ten; synonyms may lack both.
    ``feminine`` is the gender of the singular, which decides the form of the number word.
    """

    en: str
    en_plural: str
    ar: str
    feminine: bool
    dual: str | None
    plural: str | None

    @property
    def dual_genitive(self) -> str:
        """``سمكتان`` → ``سمكتين``; in a construct ``كرتا قدم`` → ``كرتي قدم``."""
        if self.dual is None:
            raise ValueError(f"{self.ar} has no dual")
        first, *rest = [
            word[:-2] + "ين" if word.endswith("ان") else word for word in self.dual.split()
        ]
        if first.endswith("ا"):
            first = first[:-1] + "ي"
        return " ".join([first, *rest])


@dataclass(frozen=True)
class Mass:
    """A mass noun: "bread", "خبز". ``plural`` is the English number ("grapes are")."""

    en: str
    ar: str
    plural: bool = False
    feminine: bool = False


@dataclass(frozen=True)
class Thing:
    """A thing that the mini set knows.

    ``nouns[0]`` is its name in captions; the others are alternative names in prompts, with a
    translation of their own. ``synonyms`` and ``arabic_synonyms`` are further names of ``nouns[0]``,
    which are only understood. ``short_ar`` is the Arabic of the CLDR short name, replaced where
    CLDR's own (``cldr_ar``) is unclear.
    """

    emoji: str
    fxemoji: str | None
    nouns: tuple[Noun, ...]
    synonyms: tuple[tuple[str, str | None], ...]
    arabic_synonyms: tuple[Noun, ...]
    mass: Mass | None
    cldr_en: str
    cldr_ar: str
    short_ar: str

    @property
    def name(self) -> str:
        return self.nouns[0].en


@dataclass(frozen=True)
class Colour:
    """A background colour; ``ar`` agrees with ``خلفية``, which is feminine.

    ``masculine`` is the colour's own name. The synonyms are further names in each language; the
    Arabic ones are feminine.
    """

    en: str
    ar: str
    masculine: str
    rgb: tuple[int, int, int]
    synonyms: tuple[str, ...] = ()
    arabic_synonyms: tuple[str, ...] = ()


COLOURS = (
    Colour("white", "بيضاء", "أبيض", (250, 250, 248)),
    Colour("black", "سوداء", "أسود", (34, 34, 38)),
    Colour("gray", "رمادية", "رمادي", (146, 150, 156), ("grey",), ("رصاصية",)),
    Colour("red", "حمراء", "أحمر", (196, 58, 62)),
    Colour("orange", "برتقالية", "برتقالي", (238, 142, 52)),
    Colour("yellow", "صفراء", "أصفر", (250, 222, 96)),
    Colour("green", "خضراء", "أخضر", (104, 170, 92)),
    Colour("blue", "زرقاء", "أزرق", (84, 140, 214)),
    Colour("purple", "بنفسجية", "بنفسجي", (136, 92, 178), ("violet",), ("أرجوانية",)),
    Colour("pink", "وردية", "وردي", (246, 176, 200), (), ("زهرية",)),
)

# thing | fxemoji's name | English | plural | Arabic | gender | two | three to ten
_TABLE = """
🍎 redapple | red apple | red apples | تفاحة حمراء | f | تفاحتان حمراوان | تفاحات حمراء
🍏 greenapple | green apple | green apples | تفاحة خضراء | f | تفاحتان خضراوان | تفاحات خضراء
🍌 banana | banana | bananas | موزة | f | موزتان | موزات
🍋 lemon | lemon | lemons | ليمونة | f | ليمونتان | ليمونات
🍓 strawberry | strawberry | strawberries | حبة فراولة | f | حبتا فراولة | حبات فراولة
🍇 grapes | bunch of grapes | bunches of grapes | عنقود عنب | m | عنقودا عنب | عناقيد عنب
🍉 watermelon | watermelon | watermelons | بطيخة | f | بطيختان | بطيخات
🍍 pineapple | pineapple | pineapples | ثمرة أناناس | f | ثمرتا أناناس | ثمرات أناناس
🍒 cherries | pair of cherries | pairs of cherries | زوج كرز | m | زوجا كرز | أزواج كرز
🍐 pear | pear | pears | حبة كمثرى | f | حبتا كمثرى | حبات كمثرى
🍅 tomato | tomato | tomatoes | حبة طماطم | f | حبتا طماطم | حبات طماطم
🥕 - | carrot | carrots | جزرة | f | جزرتان | جزرات
🌽 earofmaize | ear of corn | ears of corn | كوز ذرة | m | كوزا ذرة | أكواز ذرة
🍄 mushroom | mushroom | mushrooms | حبة فطر | f | حبتا فطر | حبات فطر
🍞 bread | loaf of bread | loaves of bread | رغيف خبز | m | رغيفا خبز | أرغفة خبز
🧀 - | piece of cheese | pieces of cheese | قطعة جبن | f | قطعتا جبن | قطع جبن
🍔 hamburger | hamburger | hamburgers | شطيرة همبرغر | f | شطيرتا همبرغر | شطائر همبرغر
🍕 sliceofpizza | slice of pizza | slices of pizza | شريحة بيتزا | f | شريحتا بيتزا | شرائح بيتزا
🥚 - | egg | eggs | بيضة | f | بيضتان | بيضات
🍩 doughnut | doughnut | doughnuts | قطعة دونات | f | قطعتا دونات | قطع دونات
🍪 cookie | cookie | cookies | قطعة بسكويت | f | قطعتا بسكويت | قطع بسكويت
🎂 birthdaycake | birthday cake | birthday cakes | كعكة عيد ميلاد | f | كعكتا عيد ميلاد | كعكات عيد ميلاد
🍨 icecream | bowl of ice cream | bowls of ice cream | طبق آيس كريم | m | طبقا آيس كريم | أطباق آيس كريم
🍺 beermug | mug of beer | mugs of beer | كوب بيرة | m | كوبا بيرة | أكواب بيرة
☕ hotbeverage | cup of coffee | cups of coffee | فنجان قهوة | m | فنجانا قهوة | فناجين قهوة
🐱 cat | cat | cats | قطة | f | قطتان | قطط
🐶 dog | dog | dogs | كلب | m | كلبان | كلاب
🐵 monkeyface | monkey | monkeys | قرد | m | قردان | قرود
🦁 - | lion | lions | أسد | m | أسدان | أسود
🐯 tiger | tiger | tigers | نمر | m | نمران | نمور
🐮 cowface | cow | cows | بقرة | f | بقرتان | بقرات
🐷 pig | pig | pigs | خنزير | m | خنزيران | خنازير
🐭 mouse | mouse | mice | فأر | m | فأران | فئران
🐰 bunny | rabbit | rabbits | أرنب | m | أرنبان | أرانب
🐻 bear | bear | bears | دب | m | دبان | دببة
🐼 pandaface | panda | pandas | دب باندا | m | دبا باندا | دببة باندا
🐨 koala | koala | koalas | دب كوالا | m | دبا كوالا | دببة كوالا
🐸 frog | frog | frogs | ضفدع | m | ضفدعان | ضفادع
🐔 chicken | chicken | chickens | دجاجة | f | دجاجتان | دجاجات
🐧 penguin | penguin | penguins | بطريق | m | بطريقان | بطاريق
🐦 bird | bird | birds | طائر | m | طائران | طيور
🦉 - | owl | owls | بومة | f | بومتان | بومات
🦆 - | duck | ducks | بطة | f | بطتان | بطات
🐟 fish | fish | fish | سمكة | f | سمكتان | سمكات
🐬 dolphin | dolphin | dolphins | دلفين | m | دلفينان | دلافين
🐋 whale | whale | whales | حوت | m | حوتان | حيتان
🐙 octopus | octopus | octopuses | أخطبوط | m | أخطبوطان | أخطبوطات
🦀 - | crab | crabs | سلطعون | m | سلطعونان | سلطعونات
🐢 turtle | turtle | turtles | سلحفاة | f | سلحفاتان | سلاحف
🐌 snail | snail | snails | حلزون | m | حلزونان | حلزونات
🦋 - | butterfly | butterflies | فراشة | f | فراشتان | فراشات
🐞 ladybeetle | ladybug | ladybugs | دعسوقة | f | دعسوقتان | دعسوقات
🐝 honeybee | bee | bees | نحلة | f | نحلتان | نحلات
🐍 snake | snake | snakes | ثعبان | m | ثعبانان | ثعابين
🐘 elephant | elephant | elephants | فيل | m | فيلان | أفيال
🐎 horse | horse | horses | حصان | m | حصانان | أحصنة
🐪 dromedarycamel | camel | camels | جمل | m | جملان | جمال
🌹 rose | rose | roses | وردة | f | وردتان | وردات
🌻 sunflower | sunflower | sunflowers | زهرة عباد الشمس | f | زهرتا عباد الشمس | أزهار عباد الشمس
🌷 tulip | tulip | tulips | زهرة توليب | f | زهرتا توليب | أزهار توليب
🌵 cactus | cactus | cacti | صبارة | f | صبارتان | صبارات
🌴 palmtree | palm tree | palm trees | نخلة | f | نخلتان | نخلات
🌲 evergreen | pine tree | pine trees | شجرة صنوبر | f | شجرتا صنوبر | أشجار صنوبر
🌳 deciduoustree | tree | trees | شجرة | f | شجرتان | أشجار
🍀 fourleafclover | four leaf clover | four leaf clovers | ورقة برسيم رباعية | f | ورقتا برسيم رباعيتان | أوراق برسيم رباعية
🍁 mapleleaf | maple leaf | maple leaves | ورقة قيقب | f | ورقتا قيقب | أوراق قيقب
☀ sunrays | sun | suns | شمس | f | شمسان | شموس
🌙 crescentmoon | moon | moons | قمر | m | قمران | أقمار
⭐ whitemediumstar | star | stars | نجمة | f | نجمتان | نجمات
☁ cloud | cloud | clouds | سحابة | f | سحابتان | سحابات
🌈 rainbow | rainbow | rainbows | قوس قزح | m | قوسا قزح | أقواس قزح
❄ snowflake | snowflake | snowflakes | ندفة ثلج | f | ندفتا ثلج | ندف ثلج
🔥 fire | fire | fires | نار | f | ناران | نيران
💧 droplet | drop of water | drops of water | قطرة ماء | f | قطرتا ماء | قطرات ماء
☂ umbrella | umbrella | umbrellas | مظلة | f | مظلتان | مظلات
🏠 housebuilding | house | houses | منزل | m | منزلان | منازل
⛺ tent | tent | tents | خيمة | f | خيمتان | خيام
🏰 europeancastle | castle | castles | قلعة | f | قلعتان | قلاع
🚗 automobile | car | cars | سيارة | f | سيارتان | سيارات
🚌 bus | bus | buses | حافلة | f | حافلتان | حافلات
🚕 taxi | taxi | taxis | سيارة أجرة | f | سيارتا أجرة | سيارات أجرة
🚲 bicycle | bicycle | bicycles | دراجة هوائية | f | دراجتان هوائيتان | دراجات هوائية
✈ airplane | airplane | airplanes | طائرة | f | طائرتان | طائرات
🚀 rocket | rocket | rockets | صاروخ | m | صاروخان | صواريخ
⛵ sailboat | sailboat | sailboats | قارب شراعي | m | قاربان شراعيان | قوارب شراعية
🚢 ship | ship | ships | سفينة | f | سفينتان | سفن
🚂 steamlocomotive | train | trains | قطار | m | قطاران | قطارات
🚜 tractor | tractor | tractors | جرار | m | جراران | جرارات
🚁 helicopter | helicopter | helicopters | مروحية | f | مروحيتان | مروحيات
🎈 balloon | balloon | balloons | بالون | m | بالونان | بالونات
🎁 present | gift | gifts | هدية | f | هديتان | هدايا
🏆 trophy | trophy | trophies | كأس بطولة | f | كأسا بطولة | كؤوس بطولة
⚽ soccerball | football | footballs | كرة قدم | f | كرتا قدم | كرات قدم
🏀 basketballandhoop | basketball | basketballs | كرة سلة | f | كرتا سلة | كرات سلة
❤ redheart | red heart | red hearts | قلب أحمر | m | قلبان أحمران | قلوب حمراء
💙 heartblue | blue heart | blue hearts | قلب أزرق | m | قلبان أزرقان | قلوب زرقاء
💚 heartgreen | green heart | green hearts | قلب أخضر | m | قلبان أخضران | قلوب خضراء
💛 heartyellow | yellow heart | yellow hearts | قلب أصفر | m | قلبان أصفران | قلوب صفراء
💀 skull | skull | skulls | جمجمة | f | جمجمتان | جماجم
👻 ghost | ghost | ghosts | شبح | m | شبحان | أشباح
👽 alien | alien | aliens | كائن فضائي | m | كائنان فضائيان | كائنات فضائية
☃ snowmanwithoutsnow | snowman | snowmen | رجل ثلج | m | رجلا ثلج | رجال ثلج
🔑 key | key | keys | مفتاح | m | مفتاحان | مفاتيح
🔔 bell | bell | bells | جرس | m | جرسان | أجراس
📷 camera | camera | cameras | كاميرا | f | كاميرتان | كاميرات
📺 television | television | televisions | جهاز تلفاز | m | جهازا تلفاز | أجهزة تلفاز
💡 lightbulb | light bulb | light bulbs | مصباح كهربائي | m | مصباحان كهربائيان | مصابيح كهربائية
👑 crown | crown | crowns | تاج | m | تاجان | تيجان
🎸 guitar | guitar | guitars | غيتار | m | غيتاران | غيتارات
🥁 - | drum | drums | طبل | m | طبلان | طبول
⚓ anchor | anchor | anchors | مرساة | f | مرساتان | مراسٍ
💎 gem | diamond | diamonds | ماسة | f | ماستان | ماسات
☺ whitesmilingface | smiling face | smiling faces | وجه مبتسم | m | وجهان مبتسمان | وجوه مبتسمة
😢 crying | crying face | crying faces | وجه باكٍ | m | وجهان باكيان | وجوه باكية
😠 angry | angry face | angry faces | وجه غاضب | m | وجهان غاضبان | وجوه غاضبة
😴 sleeping | sleeping face | sleeping faces | وجه نائم | m | وجهان نائمان | وجوه نائمة
"""

# Alternative names with a different Arabic name.
_OTHER_NOUNS = """
🌹 | red rose | red roses | وردة حمراء | f | وردتان حمراوان | وردات حمراء
🍀 | clover | clovers | ورقة برسيم | f | ورقتا برسيم | أوراق برسيم
🌙 | crescent moon | crescent moons | هلال | m | هلالان | أهلة
🔥 | flame | flames | شعلة | f | شعلتان | شعل
💧 | droplet | droplets | قطرة | f | قطرتان | قطرات
🚂 | locomotive | locomotives | قاطرة | f | قاطرتان | قاطرات
💎 | gem | gems | جوهرة | f | جوهرتان | جواهر
"""

_MASS = {
    "🍇": Mass("grapes", "عنب", plural=True),
    "🍒": Mass("cherries", "كرز", plural=True),
    "🌽": Mass("corn", "ذرة", feminine=True),
    "🍞": Mass("bread", "خبز"),
    "🧀": Mass("cheese", "جبن"),
    "🍕": Mass("pizza", "بيتزا", feminine=True),
    "🍨": Mass("ice cream", "آيس كريم"),
}

# CLDR's short name is odd or unclear as a name for the thing ("medium white star" for a star).
_BETTER_SHORT_NAMES = {
    "🍄": "فطر",
    "🍪": "بسكويت",
    "🦁": "أسد",
    "🐻": "دب",
    "🐼": "باندا",
    "🐸": "ضفدع",
    "🦀": "سلطعون",
    "🌳": "شجرة متساقطة الأوراق",
    "⭐": "نجمة",
    "🌈": "قوس قزح",
    "❄": "ندفة ثلج",
    "☂": "مظلة",
    "🚂": "قاطرة بخارية",
    "💡": "مصباح كهربائي",
}


def _rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


def _noun(cells: list[str]) -> Noun:
    en, en_plural, ar, gender, *others = cells
    dual, plural = (None if form == "-" else form for form in others)
    return Noun(en, en_plural, ar, gender == "f", dual, plural)


def _things() -> tuple[Thing, ...]:
    listed = json.loads(Path(__file__).with_name("pictograms.json").read_text(encoding="utf-8"))
    cldr = {entry["emoji"]: entry["cldr"] for entry in listed}
    others: dict[str, list[Noun]] = {}
    for emoji, *cells in _rows(_OTHER_NOUNS):
        others.setdefault(emoji, []).append(_noun(cells))
    english, arabic = synonyms.rows(synonyms.ENGLISH), synonyms.rows(synonyms.ARABIC)
    things = []
    for first, *cells in _rows(_TABLE):
        emoji, fxemoji = first.split()
        noun = _noun(cells)
        things.append(
            Thing(
                emoji=emoji,
                fxemoji=None if fxemoji == "-" else fxemoji,
                nouns=(noun, *others.get(emoji, [])),
                synonyms=tuple(
                    (one, None if many == "-" else many) for e, (one, many) in english if e == emoji
                ),
                arabic_synonyms=tuple(
                    _noun([noun.en, noun.en_plural, *other]) for e, other in arabic if e == emoji
                ),
                mass=_MASS.get(emoji),
                cldr_en=cldr[emoji]["en"],
                cldr_ar=cldr[emoji]["ar"],
                short_ar=_BETTER_SHORT_NAMES.get(emoji, cldr[emoji]["ar"]),
            )
        )
    if [thing.emoji for thing in things] != [entry["emoji"] for entry in listed]:
        raise ValueError("the lexicon and pictograms.json list different things")
    return tuple(things)


THINGS = _things()
