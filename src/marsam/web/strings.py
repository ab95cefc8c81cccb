"""The text of the page, in both languages side by side."""

from marsam.ui.i18n import Bilingual, Strings

STRINGS = Strings(
    # Top of the page.
    tagline=Bilingual(
        "A picture into words, and words back into pictures.",
        "من الصورة إلى الكلمات، ومن الكلمات إلى صور جديدة.",
    ),
    studio_tab=Bilingual("Studio", "الاستوديو"),
    history_tab=Bilingual("Earlier work", "الأعمال السابقة"),
    # Picture and text.
    image=Bilingual("Your picture", "صورتك"),
    examples=Bilingual("Or try an example", "أو جرّب أحد هذه الأمثلة"),
    example_sea=Bilingual("A whale", "حوت"),
    example_cat=Bilingual("A cat", "قطة"),
    example_car=Bilingual("A car", "سيارة"),
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
    sent=Bilingual("Prompt sent to the painter", "الطلب (prompt) المُرسَل إلى الرسام"),
    sent_in_arabic=Bilingual("Its translation into Arabic", "ترجمته إلى العربية"),
    nothing_sent=Bilingual("Nothing yet.", "لا شيء بعد."),
    tokens=Bilingual("{} of {} tokens", "الوحدات النصية (tokens): {} من {}"),
    cut=Bilingual(
        "Over the token limit, will not be painted: {}", "تجاوز حدّ الوحدات النصية، فلن يُرسم: {}"
    ),
    copy=Bilingual("Copy alt text", "نسخ النص البديل"),
    copy_text=Bilingual("Plain text", "نص عادي"),
    copied=Bilingual("Copied.", "نُسخ."),
    # What to paint.
    number=Bilingual("Number of pictures", "عدد الصور"),
    recipe=Bilingual("Quality", "الجودة"),
    draft=Bilingual("Draft", "مسوّدة"),
    balanced=Bilingual("Balanced", "متوازنة"),
    faithful=Bilingual("Faithful", "عالية"),
    paint=Bilingual("Paint", "رسم"),
    stop=Bilingual("Stop", "إيقاف"),
    expected=Bilingual("About {} for {}.", "المدة المتوقعة: {} لرسم {}."),
    not_measured=Bilingual(
        "The time on this machine is not known yet.", "لم تُقَس المدة على هذا الجهاز بعد."
    ),
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
        "What should not be in the picture, in English.", "أشياء لا تريدها في الصورة، بالإنجليزية."
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
    more=Bilingual("More like this", "صور أخرى مثلها"),
    same=Bilingual("Same seed again", "إعادة بالبذرة نفسها"),
    download=Bilingual("Download all", "تنزيل الكل"),
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
    history=Bilingual("Your earlier work on this machine", "أعمالك السابقة على هذا الجهاز"),
    no_runs=Bilingual("Nothing yet. Your work is kept here.", "لا شيء بعد. تُحفظ أعمالك هنا."),
    select_one=Bilingual("Select a picture to open or delete it.", "اختر عملًا لفتحه أو حذفه."),
    open=Bilingual("Open", "فتح"),
    delete=Bilingual("Delete", "حذف"),
    delete_question=Bilingual(
        "Delete this work and its pictures permanently?", "أتريد حذف هذا العمل وصوره نهائيًا؟"
    ),
    confirm=Bilingual("Yes, delete", "تأكيد الحذف"),
    cancel=Bilingual("Cancel", "إلغاء"),
    deleted=Bilingual("Deleted.", "حُذف."),
    # Models and device.
    about=Bilingual("Models in use", "النماذج المستخدمة"),
    set_mini=Bilingual("Mini models", "النماذج المصغّرة"),
    set_standard=Bilingual("Full size models", "النماذج الكاملة"),
    set_custom=Bilingual("Your own models", "نماذج من اختيارك"),
    models_chosen=Bilingual("as requested", "كما طُلب"),
    models_downloaded=Bilingual("downloaded on this machine", "منزَّلة على هذا الجهاز"),
    models_missing=Bilingual("full size models are not downloaded", "النماذج الكاملة غير منزَّلة"),
    models_after_restart=Bilingual(
        "full size models are downloaded: restart Marsam to use them",
        "النماذج الكاملة منزَّلة: أعد تشغيل مرسم لاستخدامها",
    ),
    on_cpu=Bilingual("on the CPU", "على المعالج"),
    on_cuda=Bilingual("on the GPU", "على معالج الرسوميات (GPU)"),
    on_mps=Bilingual("on the Apple GPU", "على معالج الرسوميات (GPU) من Apple"),
    reason_cuda_float16=Bilingual(
        "The GPU is the fastest device here.", "معالج الرسوميات (GPU) هو الأسرع في هذا الجهاز."
    ),
    reason_mps_float16=Bilingual(
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
    per_picture=Bilingual("Time per picture", "مدة الصورة الواحدة"),
    unknown=Bilingual("not measured yet", "لم تُقَس بعد"),
    known_things=Bilingual(
        "The mini models are a demo. They know only the following things: one, two different "
        "ones, or two or three of the same, on backgrounds of ten colours.",
        "النماذج المصغّرة للتجربة. لا تعرف إلا الأشياء الآتية: شيئًا واحدًا، أو شيئين مختلفين "
        "معًا، أو نسختين أو ثلاثًا من الشيء نفسه، على خلفيات بعشرة ألوان.",
    ),
    offer=Bilingual(
        "For all other pictures and prompts, download the full size models ({} GB). "
        "You can stop at any time; the next download resumes there.",
        "لأي صورة أو طلب غيرها، نزّل النماذج الكاملة ({} غيغابايت). "
        "يمكنك إيقاف التنزيل في أي وقت، ثم يُستأنف من حيث توقّف.",
    ),
    download_models=Bilingual("Download the full size models", "تنزيل النماذج الكاملة"),
    fetch_models=Bilingual("Download the full size models", "تنزيل النماذج الكاملة"),
    cancel_download=Bilingual("Stop the download", "إيقاف التنزيل"),
    downloading=Bilingual("{source}: {done} of {total} GB", "{source}: {done} من {total} غيغابايت"),
    downloaded=Bilingual(
        "The full size models are downloaded. Restart Marsam to use them.",
        "نُزّلت النماذج الكاملة. أعد تشغيل مرسم لاستخدامها.",
    ),
    download_stopped=Bilingual(
        "Stopped. The downloaded files are kept.", "توقّف التنزيل، وحُفظت الملفات المنزَّلة."
    ),
    nothing_given=Bilingual(
        "Add a picture, or write what should be painted.", "أضف صورة، أو اكتب ما تريد رسمه."
    ),
)
