"""A simulated pair of screens with embeddings, so that everything runs before any download.

The genes are invented. What is modelled is what the methods compared here live on:

- Genes belong to modules, and most of them to a tight complex within one. A knockdown moves a few
  dozen expression programmes; genes of a module move them alike, genes of a complex far more so.
- The text embedding knows modules and complexes, the sequence embedding little of either.
- All knockdowns of a line share a mean response, and knockdowns differ in strength, with a heavy
  tail: those of a complex are strong or weak together.
- Every knockdown also has a response of its own, which no embedding predicts, and where its gene
  is measured it loses most of its own expression.
- A response is measured as a mean over cells, so its noise falls with their number.

With the default recipe components, spread of effects and agreement of nearest neighbours are like
those of real screens (`benchmarks.simulation`).
"""
