"""The text of the page, in both languages side by side."""

from marsam.ui import native
from marsam.ui.i18n import Bilingual, Strings

STRINGS = Strings(
    # Top of the page.
    tagline=Bilingual(
        "A picture into words, and words back into pictures.",
        "من الصورة إلى الكلمات، ومن الكلمات إلى صور جديدة.",
    ),
    studio_tab=Bilingual("Studio", "الاستوديو"),
    many_tab=Bilingual("Many pictures", "صور كثيرة"),
    history_tab=Bilingual("Earlier work", "الأعمال السابقة"),
    # Picture and text.
    image=Bilingual("Your picture", "صورتك"),
    examples=Bilingual("Or try an example", "أو جرّب أحد هذه الأمثلة"),
    example_sea=Bilingual("A whale", "حوت"),
    example_cat=Bilingual("A cat", "قطة"),
    example_car=Bilingual("A car", "سيارة"),
    caption_length=Bilingual("Length of the description", "طول الوصف"),
    length_short=Bilingual("Short", "قصير"),
    length_sentence=Bilingual("One sentence", "جملة واحدة"),
    length_paragraph=Bilingual("Detailed", "مفصّل"),
    candidates=Bilingual("Alternative captions", "أوصاف بديلة"),
    english=Bilingual("English", "الإنجليزية"),
    arabic=Bilingual("Arabic", "العربية"),
    english_hint=Bilingual(
        "Describe what should be painted, or add a picture",
        "صِف بالإنجليزية ما تريد رسمه، أو أضف صورة",
    ),
    arabic_hint=Bilingual("… or describe it in Arabic", "… أو صِفه بالعربية"),
    from_english=Bilingual("Update from the English", "تحديث من الإنجليزية"),
    from_arabic=Bilingual("Update from the Arabic", "تحديث من العربية"),
    stale=Bilingual(
        "Out of date: the other text was changed.", "النص قديم: تغيّر النص الآخر. حدِّثه."
    ),
    keep_both=Bilingual("Both are right", "كلاهما صحيح"),
    use_native=native.STRINGS["use_native"],
    undo=Bilingual("Undo the update", "التراجع عن التحديث"),
    sent=Bilingual("Prompt sent to the painter", "الطلب (prompt) المُرسَل إلى الرسام"),
    sent_in_english=Bilingual("Its translation into English", "ترجمته إلى الإنجليزية"),
    sent_in_arabic=Bilingual("Its translation into Arabic", "ترجمته إلى العربية"),
    nothing_sent=Bilingual("Nothing yet.", "لا شيء بعد."),
    length=Bilingual("Length", "طول النص"),
    tokens=Bilingual("{} of {} tokens", "الوحدات النصية (tokens): {} من {}"),
    cut=Bilingual(
        "Over the token limit, will not be painted: {}", "تجاوز حدّ الوحدات النصية، فلن يُرسم: {}"
    ),
    copy=Bilingual("Copy alt text", "نسخ النص البديل"),
    copy_text=Bilingual("Plain text", "نص عادي"),
    copy_both=Bilingual("Both", "النصّان معًا"),
    copy_decorative=Bilingual("Decorative: {}", "صورة للزينة: {}"),
    long_text=Bilingual("over {}", "أكثر من {}"),
    copied=Bilingual("Copied.", "نُسخ."),
    # What to paint.
    number=Bilingual("Number of pictures", "عدد الصور"),
    recipe=Bilingual("Quality", "الجودة"),
    instant=Bilingual("Instant", "فورية"),
    draft=Bilingual("Draft", "مسوّدة"),
    balanced=Bilingual("Balanced", "متوازنة"),
    faithful=Bilingual("Faithful", "عالية"),
    paint=Bilingual("Paint", "رسم"),
    stop=Bilingual("Stop", "إيقاف"),
    expected=Bilingual("About {} for {}.", "المدة المتوقعة: {} لرسم {}."),
    not_measured=Bilingual(
        "The time on this machine is not known yet.", "لم تُقَس المدة على هذا الجهاز بعد."
    ),
    live=Bilingual("Paint while I type", "ارسم أثناء الكتابة"),
    live_info=Bilingual(
        "A picture follows your words when you pause. It is not kept.",
        "كلما توقفت عن الكتابة لحظةً تبعت الصورةُ كلماتك، وهي لا تُحفظ.",
    ),
    live_slow=Bilingual(
        "An instant picture takes about {} on this machine: too long to follow your words.",
        "تستغرق الصورة الفورية نحو {} على هذا الجهاز، فلا تستطيع أن تتبع كلماتك.",
    ),
    live_unknown=Bilingual(
        "How long an instant picture takes on this machine is not known yet. "
        "Paint one with the quality Instant first.",
        "لم تُقَس مدة الصورة الفورية على هذا الجهاز بعد. ارسم واحدة بالجودة «فورية» أولًا.",
    ),
    live_empty=Bilingual("Type, and a picture appears here.", "اكتب لتظهر الصورة هنا."),
    live_try=Bilingual(
        "A quick try with one step. Click it to paint it with the chosen quality.",
        "تجربة سريعة بخطوة واحدة. انقرها لرسمها بالجودة المختارة.",
    ),
    live_paint=Bilingual("Paint with the chosen quality: {}", "رسم بالجودة المختارة: {}"),
    live_said=Bilingual("A quick try: {}", "تجربة سريعة: {}"),
    style=Bilingual("Style", "الأسلوب"),
    no_style=Bilingual("None", "بلا أسلوب"),
    no_styles=Bilingual(
        "Styles such as watercolour need the full size models.",
        "الأساليب مثل الألوان المائية تحتاج إلى النماذج الكاملة.",
    ),
    style_models=Bilingual("Download the full size models", "تنزيل النماذج الكاملة"),
    start=Bilingual("Begin with", "نقطة البداية"),
    start_words=Bilingual("The words alone", "الكلمات وحدها"),
    start_picture=Bilingual("Your picture", "صورتك"),
    strength=Bilingual("From near to far", "من القريب إلى البعيد"),
    strength_info=Bilingual(
        "Near keeps the shape of the picture, far keeps little of it.",
        "القريب يحافظ على شكل الصورة، والبعيد لا يُبقي منها إلا القليل.",
    ),
    vary=Bilingual("Variations of this picture", "تنويعات على هذه الصورة"),
    # Advanced settings.
    advanced=Bilingual("Advanced", "خيارات متقدمة"),
    steps=Bilingual("Steps", "عدد الخطوات"),
    steps_info=Bilingual(
        "More steps give more detail and take more time. Leave empty for the default.",
        "زيادة الخطوات تزيد التفاصيل والمدة. اترك الحقل فارغًا لاستخدام القيمة الافتراضية.",
    ),
    guidance=Bilingual("Guidance scale", "شدة التوجيه"),
    guidance_info=Bilingual(
        "How closely the picture follows the prompt. Leave empty for the default.",
        "مدى التزام الصورة بالطلب. اترك الحقل فارغًا لاستخدام القيمة الافتراضية.",
    ),
    size=Bilingual("Size", "المقاس"),
    size_info=Bilingual(
        "Width and height in pixels. The default is the size the model was trained on.",
        "العرض والارتفاع بالبكسل. المقاس الافتراضي هو الذي تدرّب عليه النموذج.",
    ),
    default_size=Bilingual("Model default", "المقاس الافتراضي للنموذج"),
    seed=Bilingual("Seed", "البذرة"),
    seed_info=Bilingual(
        "The same seed paints the same picture again. Leave empty for a random seed.",
        "البذرة نفسها تعيد الصورة نفسها. اترك الحقل فارغًا لاختيار بذرة عشوائية.",
    ),
    negative=Bilingual("Negative prompt", "الطلب السلبي"),
    negative_info=Bilingual(
        "What should not be in the picture, in English or Arabic.",
        "ما لا تريده في الصورة، بالعربية أو الإنجليزية.",
    ),
    as_written=Bilingual("Paint Arabic prompts as written", "رسم الطلبات العربية كما كُتبت"),
    as_written_info=Bilingual(
        "This painter reads Arabic, too. Which one gives better pictures, the Arabic prompt or its "
        "translation, has not been measured: try both.",
        "يقرأ هذا الرسام العربية أيضًا. ولم يُقَس أيهما يعطي صورًا أفضل، الطلب العربي أم ترجمته: "
        "جرّب الاثنين.",
    ),
    # Progress.
    reading=Bilingual("Describing the picture…", "جارٍ وصف الصورة…"),
    translating=Bilingual("Translating…", "الترجمة جارية…"),
    waiting=Bilingual("Waiting for the painter…", "في انتظار الرسام…"),
    waiting_behind=Bilingual("Waiting in the queue, after {}.", "في قائمة الانتظار، وقبلك {}."),
    painting=Bilingual(
        "Picture {picture} of {pictures}, step {step} of {steps}.",
        "الصورة {picture} من {pictures}، الخطوة {step} من {steps}.",
    ),
    remaining=Bilingual("About {} left.", "بقي نحو {}."),
    captions_ready=Bilingual("The captions are ready.", "الوصف جاهز باللغتين."),
    done=Bilingual("Done: {}.", "تمّ: {}."),
    done_without=Bilingual("Done. There is no picture to show.", "تمّ، ولا صور لعرضها."),
    stopped=Bilingual("Stopped; {} kept.", "توقّف العمل، وحُفظ منه: {}."),
    stopped_without=Bilingual(
        "Stopped before a picture was finished.", "توقّف العمل قبل أن تكتمل أي صورة."
    ),
    stopping=Bilingual("Stopping after this step…", "سيتوقف العمل بعد هذه الخطوة…"),
    preview=Bilingual("Preview", "معاينة"),
    # The new pictures.
    gallery=Bilingual("New pictures", "الصور الجديدة"),
    seed_of=Bilingual("Seed {}", "البذرة {}"),
    blocked=Bilingual(
        "The safety checker blocked the picture of seed {}. Try another seed.",
        "حجب مرشّح الأمان صورة البذرة {}؛ جرّب بذرة أخرى.",
    ),
    another_seed=Bilingual("Another seed", "بذرة أخرى"),
    round=Bilingual("Round {}", "الدفعة {}"),
    picture_of=Bilingual("Picture {} of {}", "الصورة {} من {}"),
    star=Bilingual("Keep", "احتفاظ"),
    really_delete=Bilingual("Delete?", "حذف؟"),
    delete_picture=Bilingual("Delete this picture", "حذف هذه الصورة"),
    previous_picture=Bilingual("Previous picture", "الصورة السابقة"),
    next_picture=Bilingual("Next picture", "الصورة التالية"),
    phone=Bilingual("On a phone", "على الهاتف"),
    phone_info=Bilingual(
        "Point the phone's camera at this code, or type the address. The phone must reach it, as "
        "in the same Wi-Fi network.",
        "وجّه كاميرا الهاتف إلى هذا الرمز، أو اكتب العنوان. ويجب أن يصل الهاتف إليه، كأن يكون "
        "متصلًا بشبكة Wi-Fi نفسها.",
    ),
    notify=Bilingual("Notify me when they are done", "أعلِمني عند اكتمال الصور"),
    keys=Bilingual("Keyboard shortcuts", "اختصارات لوحة المفاتيح"),
    previous_or_next=Bilingual("Previous or next picture", "الصورة السابقة أو التالية"),
    zoom=Bilingual("Zoom", "تكبير"),
    with_original=Bilingual("Beside your picture", "بجانب صورتك"),
    with_next=Bilingual("Beside the next", "بجانب التالية"),
    save_picture=Bilingual("Download", "تنزيل"),
    close=Bilingual("Close", "إغلاق"),
    more=Bilingual("More like this", "صور أخرى مثلها"),
    resume=Bilingual("Paint the missing pictures", "رسم الصور الناقصة"),
    download=Bilingual("Download all", "تنزيل الكل"),
    download_kept=Bilingual("Download the kept", "تنزيل المحتفَظ بها"),
    print=Bilingual("Print", "طباعة"),
    copy_link=Bilingual("Copy a link to these settings", "نسخ رابط إلى هذه الإعدادات"),
    from_link=Bilingual(
        "These words and settings are from a link. Nothing has been painted yet.",
        "هذه الكلمات والإعدادات من رابط، ولم يُرسم بها شيء بعد.",
    ),
    print_kept=Bilingual("Only the kept pictures", "الصور المحتفَظ بها فقط"),
    steps_of=Bilingual("Steps: {}", "عدد الخطوات: {}"),
    strength_of=Bilingual("Strength: {}", "شدة التغيير: {}"),
    restored=Bilingual(
        "Painted by Marsam: its prompt and settings are restored.",
        "صورة من مرسم: استُعيد طلبها وإعداداتها.",
    ),
    example_shown=Bilingual(
        "An example from the included mini models, a demo that knows 116 pictograms. "
        "Add a picture to begin.",
        "مثال من النماذج المصغّرة المرفقة، وهي للتجربة وتعرف 116 رسمًا مبسّطًا. أضف صورة لتبدأ.",
    ),
    # Earlier work.
    no_runs=Bilingual("Nothing yet. Your work is kept here.", "لا شيء بعد. تُحفظ أعمالك هنا."),
    search=Bilingual("Search", "بحث"),
    search_hint=Bilingual("Words in English or Arabic", "كلمات بالعربية أو الإنجليزية"),
    kept_only=Bilingual("Only with kept pictures", "ما فيه صور محتفَظ بها فقط"),
    unfinished=Bilingual("stopped at {} of {}", "توقّف عند {} من {}"),
    without_text=Bilingual("No text yet", "بلا نص بعد"),
    delete_work=Bilingual("Delete this work and its pictures", "حذف هذا العمل وصوره"),
    deleted=Bilingual("Deleted.", "حُذف."),
    # Models and device.
    about=Bilingual("Models in use", "النماذج المستخدمة"),
    set_mini=Bilingual("Mini models", "النماذج المصغّرة"),
    set_standard=Bilingual("Full size models", "النماذج الكاملة"),
    set_free=Bilingual("Full size models for commercial use", "نماذج كاملة تصلح للاستخدام التجاري"),
    set_modern=Bilingual("Models of 2026", "نماذج عام 2026"),
    set_custom=Bilingual("Your own models", "نماذج من اختيارك"),
    models_chosen=Bilingual("as requested", "كما طُلب"),
    models_downloaded=Bilingual("downloaded on this machine", "منزَّلة على هذا الجهاز"),
    models_missing=Bilingual("full size models are not downloaded", "النماذج الكاملة غير منزَّلة"),
    models_ready=Bilingual(
        "full size models are downloaded, but not in use", "النماذج الكاملة منزَّلة وغير مستخدمة"
    ),
    use_models=Bilingual("Use the full size models", "استخدام النماذج الكاملة"),
    models_in_use=Bilingual(
        "The full size models are in use now. The first picture takes longer, as they are loaded.",
        "النماذج الكاملة مستخدمة الآن. تستغرق الصورة الأولى وقتًا أطول لأنها تُحمَّل أولًا.",
    ),
    on_cpu=Bilingual("on the CPU", "على المعالج"),
    on_cuda=Bilingual("on the GPU", "على معالج الرسوميات (GPU)"),
    on_mps=Bilingual("on the Apple GPU", "على معالج الرسوميات (GPU) من Apple"),
    reason_cuda=Bilingual(
        "The GPU is the fastest device here.", "معالج الرسوميات (GPU) هو الأسرع في هذا الجهاز."
    ),
    reason_mps=Bilingual(
        "The Apple GPU is the fastest device here.",
        "معالج الرسوميات (GPU) من Apple هو الأسرع في هذا الجهاز.",
    ),
    reason_cpu_bfloat16=Bilingual(
        "The CPU computes bfloat16 natively.", "يحسب المعالج بصيغة bfloat16 مباشرةً."
    ),
    reason_cpu_float32=Bilingual(
        "The CPU does not compute bfloat16 natively, so float32 is used.",
        "لا يحسب المعالج بصيغة bfloat16 مباشرةً، ولذلك تُستخدم صيغة float32.",
    ),
    captioner=Bilingual("Captioner", "الواصف"),
    translator=Bilingual("Translator", "المترجم"),
    painter=Bilingual("Painter", "الرسام"),
    lora=Bilingual("LoRA adapter", "مهايئ LoRA"),
    per_picture=Bilingual("Time per picture", "مدة الصورة الواحدة"),
    unknown=Bilingual("not measured yet", "لم تُقَس بعد"),
    known_things=Bilingual(
        "The mini models are a demo. They know only the following things: one, two different "
        "ones, or two or three of the same, on backgrounds of ten colours.",
        "النماذج المصغّرة للتجربة. لا تعرف إلا الأشياء الآتية: شيئًا واحدًا، أو شيئين مختلفين "
        "معًا، أو نسختين أو ثلاثًا من الشيء نفسه، على خلفيات بعشرة ألوان.",
    ),
    offered=Bilingual("Models that fit this machine", "نماذج تناسب هذا الجهاز"),
    offered_info=Bilingual(
        "For all other pictures and prompts. You can stop the download at any time; the next one "
        "resumes there.",
        "لأي صورة أو طلب غيرها. يمكنك إيقاف التنزيل في أي وقت، ثم يُستأنف من حيث توقّف.",
    ),
    set_size=Bilingual("{} GB", "{} غيغابايت"),
    download_models=Bilingual("Download the full size models", "تنزيل النماذج الكاملة"),
    fetch_models=Bilingual("Download the full size models", "تنزيل النماذج الكاملة"),
    cancel_download=Bilingual("Stop the download", "إيقاف التنزيل"),
    downloading=Bilingual("{source}: {done} of {total} GB", "{source}: {done} من {total} غيغابايت"),
    download_stopped=Bilingual(
        "Stopped. The downloaded files are kept.", "توقّف التنزيل، وحُفظت الملفات المنزَّلة."
    ),
    nothing_given=Bilingual(
        "Add a picture, or write what should be painted.", "أضف صورة، أو اكتب ما تريد رسمه."
    ),
)
