"""Other names of the things, as people type them: understood, but never written by the models.

They belong to the first noun of a thing (``Thing.nouns[0]``). The Arabic ones are from several
countries: an Egyptian rides an عجلة, a Syrian eats إجاص, and both are understood.
"""

# thing | English | plural; "-" where people would use another name
ENGLISH = """
🍎 apple | apples
🍇 grape bunch | grape bunches
🍇 cluster of grapes | clusters of grapes
🍍 ananas | -
🍒 cherry | -
🌽 corn cob | corn cobs
🌽 ear of maize | ears of maize
🍄 toadstool | toadstools
🍞 bread loaf | bread loaves
🧀 slice of cheese | slices of cheese
🧀 wedge of cheese | wedges of cheese
🍔 burger | burgers
🍔 cheeseburger | cheeseburgers
🍕 pizza slice | pizza slices
🍕 piece of pizza | pieces of pizza
🍩 donut | donuts
🍪 biscuit | biscuits
🎂 cake | cakes
🍨 dish of ice cream | dishes of ice cream
🍨 cup of ice cream | cups of ice cream
🍺 beer mug | beer mugs
🍺 glass of beer | glasses of beer
🍺 beer | -
☕ coffee cup | coffee cups
☕ mug of coffee | mugs of coffee
☕ coffee | -
🐱 kitty | kitties
🐱 kitten | kittens
🐶 puppy | puppies
🐷 piglet | piglets
🐰 bunny | bunnies
🐼 panda bear | panda bears
🐨 koala bear | koala bears
🐔 hen | hens
🐢 tortoise | tortoises
🐞 ladybird | ladybirds
🐝 honeybee | honeybees
🐝 honey bee | honey bees
🐪 dromedary | dromedaries
🌵 cactus | cactuses
🌴 palm | palms
🌲 pine | pines
🌲 fir tree | fir trees
🌲 evergreen tree | evergreen trees
🍀 shamrock | shamrocks
🍀 four leafed clover | four leafed clovers
💧 water drop | water drops
💧 raindrop | raindrops
🏠 home | homes
🏰 fortress | fortresses
🚗 automobile | automobiles
🚕 cab | cabs
🚕 taxicab | taxicabs
🚲 bike | bikes
✈ plane | planes
✈ aeroplane | aeroplanes
✈ aircraft | -
⛵ sailing boat | sailing boats
⛵ boat | boats
🚢 cruise ship | cruise ships
🚂 steam train | steam trains
🚁 chopper | choppers
🎁 present | presents
🎁 gift box | gift boxes
🎁 wrapped gift | wrapped gifts
🏆 trophy cup | trophy cups
⚽ soccer ball | soccer balls
❤ heart | hearts
❤ love heart | love hearts
📺 tv | tvs
📺 television set | television sets
📺 tv set | tv sets
💡 lightbulb | lightbulbs
💡 bulb | bulbs
🥁 snare drum | snare drums
💎 gemstone | gemstones
💎 jewel | jewels
☺ smiley | smileys
☺ smiley face | smiley faces
☺ happy face | happy faces
😢 sad face | sad faces
😴 sleepy face | sleepy faces
"""

# thing | Arabic | gender | two | three to ten; "-" where people would use another name
ARABIC = """
🍎 تفاحة | f | تفاحتان | تفاحات
🍎 تفاحة | f | - | تفاح
🍌 حبة موز | f | حبتا موز | حبات موز
🍌 موزة | f | - | موز
🍋 حبة ليمون | f | حبتا ليمون | حبات ليمون
🍓 فراولة | f | فراولتان | فراولات
🍓 حبة فريز | f | حبتا فريز | حبات فريز
🍉 حبة بطيخ | f | حبتا بطيخ | حبات بطيخ
🍉 دلاعة | f | دلاعتان | دلاعات
🍉 حبحبة | f | حبحبتان | حبحبات
🍉 رقية | f | رقيتان | رقيات
🍍 أناناسة | f | أناناستان | أناناسات
🍍 أناناس | m | - | -
🍍 حبة أناناس | f | حبتا أناناس | حبات أناناس
🍒 زوج من الكرز | m | زوجان من الكرز | أزواج من الكرز
🍒 حبة كرز | f | - | حبات كرز
🍐 كمثرى | f | - | -
🍐 إجاصة | f | إجاصتان | إجاصات
🍐 حبة إجاص | f | حبتا إجاص | حبات إجاص
🍐 إجاص | m | - | -
🍐 نجاصة | f | نجاصتان | نجاصات
🍅 طماطم | f | - | -
🍅 طماطة | f | طماطتان | طماطات
🍅 حبة بندورة | f | حبتا بندورة | حبات بندورة
🍅 بندورة | f | بندورتان | بندورات
🥕 حبة جزر | f | حبتا جزر | حبات جزر
🥕 جزرة | f | - | جزر
🌽 عرنوس ذرة | m | عرنوسا ذرة | عرانيس ذرة
🌽 كوز درة | m | كوزا درة | أكواز درة
🍄 فطر | m | فطران | -
🍄 مشروم | m | - | -
🍄 حبة مشروم | f | حبتا مشروم | حبات مشروم
🍞 رغيف | m | رغيفان | أرغفة
🍞 رغيف عيش | m | رغيفا عيش | أرغفة عيش
🍞 خبزة | f | خبزتان | خبزات
🧀 قطعة جبنة | f | قطعتا جبنة | قطع جبنة
🧀 شريحة جبن | f | شريحتا جبن | شرائح جبن
🧀 جبنة | f | - | -
🍔 همبرغر | m | - | -
🍔 برغر | m | - | -
🍔 همبرجر | m | - | -
🍔 برجر | m | - | -
🍔 شطيرة برغر | f | شطيرتا برغر | شطائر برغر
🍔 شطيرة | f | شطيرتان | شطائر
🍕 قطعة بيتزا | f | قطعتا بيتزا | قطع بيتزا
🥚 بيضة | f | - | بيض
🍩 كعكة دونات | f | كعكتا دونات | كعكات دونات
🍩 دونات | f | - | -
🍩 دونتس | m | - | -
🍪 بسكويتة | f | بسكويتتان | بسكويتات
🍪 كوكيز | m | - | -
🎂 كعكة | f | كعكتان | كعكات
🎂 كيكة | f | كيكتان | كيكات
🎂 كيكة عيد ميلاد | f | كيكتا عيد ميلاد | كيكات عيد ميلاد
🎂 تورتة | f | تورتتان | تورتات
🎂 تورتة عيد ميلاد | f | تورتتا عيد ميلاد | تورتات عيد ميلاد
🍨 وعاء آيس كريم | m | وعاءا آيس كريم | أوعية آيس كريم
🍨 صحن بوظة | m | صحنا بوظة | صحون بوظة
🍨 بوظة | f | - | -
🍨 مثلجات | f | - | -
🍺 كأس بيرة | f | كأسا بيرة | كؤوس بيرة
🍺 بيرة | f | - | -
☕ كوب قهوة | m | كوبا قهوة | أكواب قهوة
☕ فنجان | m | فنجانان | فناجين
☕ قهوة | f | - | -
🐱 قط | m | قطان | -
🐱 هرة | f | هرتان | هرر
🐱 هر | m | هران | هررة
🐱 بسة | f | بستان | بسس
🐱 قطوة | f | قطوتان | قطاوة
🐶 جرو | m | جروان | جراء
🐵 سعدان | m | سعدانان | سعادين
🐵 نسناس | m | نسناسان | نسانيس
🦁 ليث | m | ليثان | ليوث
🐯 ببر | m | ببران | ببور
🐮 بقرة | f | - | أبقار
🐮 بقرة | f | - | بقر
🐭 فأرة | f | فأرتان | فأرات
🐰 أرنبة | f | أرنبتان | -
🐰 أرنوب | m | - | -
🐼 باندا | m | - | -
🐨 كوالا | m | - | -
🐸 ضفدعة | f | ضفدعتان | ضفدعات
🐔 فرخة | f | فرختان | فراخ
🐔 دجاجة | f | - | دجاج
🐧 بنغوين | m | - | -
🐧 بطريق | m | - | بطارق
🐦 طير | m | طيران | -
🐦 عصفور | m | عصفوران | عصافير
🐦 عصفورة | f | عصفورتان | -
🦉 بومة | f | - | بوم
🦆 بطة | f | - | بط
🐟 سمكة | f | - | أسماك
🐟 سمكة | f | - | سمك
🐬 دولفين | m | دولفينان | -
🦀 سرطان بحر | m | سرطانا بحر | سرطانات بحر
🦀 سرطان | m | سرطانان | سرطانات
🦀 كابوريا | f | - | -
🐢 سلحفاة | f | - | سلحفيات
🐌 قوقع | m | قوقعان | قواقع
🐌 بزاقة | f | بزاقتان | بزاقات
🦋 فراشة | f | - | فراش
🐝 نحلة | f | - | نحل
🐍 حية | f | - | حيات
🐍 أفعى | f | أفعيان | أفاع
🐍 حنش | m | حنشان | أحناش
🐘 فيل | m | - | فيلة
🐎 فرس | f | - | أفراس
🐎 حصان | m | - | خيول
🐎 خيل | m | - | -
🐪 ناقة | f | ناقتان | نوق
🐪 بعير | m | بعيران | أباعر
🐪 جمل | m | - | إبل
🌹 وردة | f | - | ورود
🌹 وردة | f | - | ورد
🌹 وردة جورية | f | وردتان جوريتان | ورود جورية
🌻 زهرة دوار الشمس | f | زهرتا دوار الشمس | أزهار دوار الشمس
🌻 زهرة دوار شمس | f | زهرتا دوار شمس | أزهار دوار شمس
🌻 دوار الشمس | m | - | -
🌻 عباد الشمس | m | - | -
🌻 عباد شمس | m | - | -
🌻 زهرة عباد شمس | f | زهرتا عباد شمس | زهور عباد شمس
🌻 زهرة عباد الشمس | f | - | زهور عباد الشمس
🌷 توليب | m | - | -
🌷 توليبة | f | توليبتان | توليبات
🌷 زهرة توليب | f | - | زهور توليب
🌵 صبار | m | صباران | -
🌵 نبتة صبار | f | نبتتا صبار | نباتات صبار
🌴 شجرة نخيل | f | شجرتا نخيل | أشجار نخيل
🌴 نخلة | f | - | نخيل
🌴 نخلة | f | - | نخل
🌲 صنوبرة | f | صنوبرتان | صنوبرات
🌲 صنوبر | m | - | -
🌳 شجرة | f | - | شجرات
🌳 شجرة | f | - | شجر
🍀 برسيم | m | - | -
⭐ نجم | m | نجمان | نجوم
☁ سحابة | f | - | سحب
☁ غيمة | f | غيمتان | غيوم
☁ غيمة | f | - | غيمات
❄ ندفة ثلجية | f | ندفتان ثلجيتان | ندف ثلجية
❄ ندفة | f | ندفتان | ندف
🔥 حريق | m | حريقان | حرائق
💧 نقطة ماء | f | نقطتا ماء | نقاط ماء
💧 قطرة مطر | f | قطرتا مطر | قطرات مطر
☂ شمسية | f | شمسيتان | شمسيات
☂ مظلة مطر | f | مظلتا مطر | مظلات مطر
🏠 بيت | m | بيتان | بيوت
🏠 دار | f | داران | دور
⛺ خيمة | f | - | خيم
🏰 قصر | m | قصران | قصور
🏰 حصن | m | حصنان | حصون
🚗 عربية | f | عربيتان | عربيات
🚗 عربة | f | عربتان | عربات
🚌 باص | m | باصان | باصات
🚌 أتوبيس | m | أتوبيسان | أتوبيسات
🚌 أوتوبيس | m | أوتوبيسان | أوتوبيسات
🚕 تاكسي | m | - | تاكسيات
🚕 تكسي | m | - | تكاسي
🚲 دراجة | f | دراجتان | دراجات
🚲 عجلة | f | عجلتان | عجلات
🚲 بسكليت | m | - | بسكليتات
🚲 بسكليتة | f | بسكليتتان | -
✈ طيارة | f | طيارتان | طيارات
⛵ مركب شراعي | m | مركبان شراعيان | مراكب شراعية
⛵ زورق شراعي | m | زورقان شراعيان | زوارق شراعية
⛵ قارب | m | قاربان | قوارب
⛵ مركب | m | مركبان | مراكب
⛵ زورق | m | زورقان | زوارق
🚢 باخرة | f | باخرتان | بواخر
🚂 قطر | m | - | -
🚂 قطار بخاري | m | قطاران بخاريان | قطارات بخارية
🚜 تراكتور | m | تراكتوران | تراكتورات
🚜 جرار زراعي | m | جراران زراعيان | جرارات زراعية
🚁 طائرة مروحية | f | طائرتان مروحيتان | طائرات مروحية
🚁 هليكوبتر | f | - | -
🚁 هيلكوبتر | f | - | -
🚁 طائرة هليكوبتر | f | طائرتا هليكوبتر | طائرات هليكوبتر
🎈 بالونة | f | بالونتان | -
🎈 نفاخة | f | نفاختان | نفاخات
🎁 علبة هدية | f | علبتا هدية | علب هدية
🎁 صندوق هدية | m | صندوقا هدية | صناديق هدية
🎁 هدية مغلفة | f | هديتان مغلفتان | هدايا مغلفة
🏆 كأس | f | كأسان | كؤوس
🏆 كأس البطولة | f | كأسا البطولة | كؤوس البطولة
⚽ كرة القدم | f | كرتا القدم | كرات القدم
🏀 كرة السلة | f | كرتا السلة | كرات السلة
❤ قلب | m | قلبان | قلوب
👻 عفريت | m | عفريتان | عفاريت
👽 مخلوق فضائي | m | مخلوقان فضائيان | مخلوقات فضائية
☃ رجل الثلج | m | رجلا الثلج | رجال الثلج
🔔 ناقوس | m | ناقوسان | نواقيس
📷 آلة تصوير | f | آلتا تصوير | آلات تصوير
📷 كاميرة | f | - | -
📺 تلفاز | m | تلفازان | تلفازات
📺 تلفزيون | m | تلفزيونان | تلفزيونات
📺 تليفزيون | m | تليفزيونان | تليفزيونات
📺 جهاز تلفزيون | m | جهازا تلفزيون | أجهزة تلفزيون
💡 مصباح | m | مصباحان | مصابيح
💡 لمبة | f | لمبتان | لمبات
💡 لمبة كهربائية | f | لمبتان كهربائيتان | لمبات كهربائية
🎸 جيتار | m | جيتاران | جيتارات
🎸 قيثارة | f | قيثارتان | قيثارات
🥁 طبلة | f | طبلتان | طبلات
⚓ مرساة | f | - | مرساوات
⚓ هلب | m | - | -
💎 ألماسة | f | ألماستان | ألماسات
💎 ألماس | m | - | -
💎 ماس | m | - | -
💎 حجر كريم | m | حجران كريمان | أحجار كريمة
☺ وجه سعيد | m | وجهان سعيدان | وجوه سعيدة
☺ وجه ضاحك | m | وجهان ضاحكان | وجوه ضاحكة
😢 وجه حزين | m | وجهان حزينان | وجوه حزينة
😠 وجه عابس | m | وجهان عابسان | وجوه عابسة
😴 وجه نعسان | m | - | -
"""


def rows(table: str) -> list[tuple[str, list[str]]]:
    """The rows of a table: the emoji of a thing, and the cells after it."""
    split = [line.split(" ", 1) for line in table.strip().splitlines()]
    return [(emoji, [cell.strip() for cell in cells.split("|")]) for emoji, cells in split]
