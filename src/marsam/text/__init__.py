"""Text without models: cleaning, sentences, noun phrases, languages, glossaries, fidelity."""
