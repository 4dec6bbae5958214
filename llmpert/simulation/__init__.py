"""A simulated pair of screens with embeddings, so that everything runs before any download.

The genes are invented. What is modelled is what the methods compared here live on:

- Genes belong to modules. Knockdowns of one module respond alike, and the embeddings place genes of
  one module near each other, with noise; each source sees the modules a little differently.
- All knockdowns of a line share a mean response, and knockdowns differ in strength.
- Every knockdown also has a response of its own, which no embedding foretells, and where its gene
  is measured it loses most of its own expression.
- A response is measured as a mean over cells, so its noise falls with their number.

With the default recipe the cross-validated scores of random perturbation, mean and Gaussian
processes on the first line come out near Märtens et al. 2024, Table 1 (K562).
"""
