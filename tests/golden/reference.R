# Reference values for the statistics, from R: an implementation that trickbag did not write.
#
#   Rscript tests/golden/reference.R > tests/golden/reference.json
#
# Needs base R, multcomp, emmeans and survival (Debian: r-base-core r-cran-multcomp r-cran-emmeans). The data stand
# here and are copied into the output, so the tests read one file and need no R. Written with R 4.2.2.

suppressMessages({
  library(multcomp)
  library(emmeans)
  library(survival)
})
emm_options(msg.interaction = FALSE)
options(contrasts = c("contr.treatment", "contr.poly"))
set.seed(1) # multcomp and emmeans integrate the multivariate t by randomised quasi-Monte Carlo

# JSON by hand: named lists become objects, vectors arrays, single numbers numbers, matrices arrays of rows.
json <- function(x) {
  if (is.list(x)) {
    parts <- mapply(function(n, v) paste0('"', n, '": ', json(v)), names(x), x)
    return(paste0("{", paste(parts, collapse = ",\n"), "}"))
  }
  if (is.matrix(x)) return(paste0("[", paste(apply(x, 1, json), collapse = ",\n"), "]"))
  numbers <- ifelse(is.infinite(x), ifelse(x > 0, "Infinity", "-Infinity"), sprintf("%.15g", x))
  if (length(x) == 1) numbers else paste0("[", paste(numbers, collapse = ", "), "]")
}

# ---- data ------------------------------------------------------------------------------------------------------
x <- c(94.1, 94.2, 94.0, 94.15, 94.05)
y <- c(94.05, 94.2, 94.1, 94.1, 94.0)

# The example of scipy.stats.dunnett (blood counts; Dunnett 1955) stands in the tests; these are arms of unequal length.
unpaired <- list(
  base = c(93.81, 94.02, 93.90, 94.11, 93.76, 93.95, 94.08),
  a = c(94.21, 94.05, 94.33, 94.12),
  b = c(93.92, 94.14, 93.71, 94.03, 93.99),
  c = c(94.47, 94.30, 94.61, 94.38, 94.52, 94.29),
  d = c(93.60, 93.85, 93.43)
)
# Five arms (the first is the baseline) at six seeds.
block <- rbind(
  c(91.20, 91.55, 90.98, 91.31, 91.42, 91.10),
  c(91.52, 91.80, 91.15, 91.77, 91.61, 91.49),
  c(91.11, 91.62, 91.05, 91.20, 91.58, 91.02),
  c(91.95, 92.31, 91.60, 92.18, 92.02, 91.84),
  c(90.88, 91.40, 90.31, 91.02, 91.33, 90.47)
)
# A 2^3 factorial at four seeds; rows 000, 001, 010, 011, 100 ... (the last factor changes fastest).
factorial_cells <- rbind(
  c(90.10, 90.42, 89.95, 90.21), c(90.33, 90.71, 90.28, 90.40), c(90.55, 90.77, 90.20, 90.69), c(90.90, 91.12, 90.61, 90.78),
  c(90.71, 91.05, 90.60, 90.72), c(90.66, 91.10, 90.52, 90.95), c(91.30, 91.38, 90.91, 91.27), c(91.22, 91.60, 91.18, 91.31)
)
# Large offset, differences of a thousandth: 94.xx, as accuracies are.
offset_arm <- 94 + c(1, 3, 2, 4, 6, 5, 2, 3) / 1000
offset_base <- 94 + c(0, 1, 3, 2, 3, 4, 1, 1) / 1000
# Differences of six arms from one baseline at five seeds; the last is far noisier.
differences <- rbind(
  c(0.31, 0.12, 0.22, 0.41, 0.18), c(-0.08, 0.35, 0.02, 0.11, 0.20), c(0.05, 0.25, -0.12, 0.10, 0.07),
  c(0.61, 0.72, 0.28, 0.55, 0.33), c(0.02, -0.21, 0.14, 0.30, -0.05), c(2.9, -2.1, 1.2, -1.8, 0.4)
)
# Differences of one arm on five workloads.
workloads <- list(
  c(0.42, 0.30, 0.55, 0.28, 0.47), c(0.10, 0.22, -0.05, 0.31, 0.02), c(0.75, 0.52, 0.88, 0.61),
  c(-0.21, 0.15, -0.30, 0.08, -0.11, 0.02), c(0.35, 0.61, 0.12, 0.44, 0.29)
)
seconds <- c(31, 34, 29, 40, 36, 38, 45, 41, 39, 50)
reached <- c(1, 1, 1, 1, 1, 1, 0, 1, 1, 0)
group <- rep(0:1, each = 5)

# ---- two samples -----------------------------------------------------------------------------------------------
t_test <- function(...) {
  found <- t.test(...)
  list(t = unname(found$statistic), df = unname(found$parameter), p = found$p.value, interval = as.numeric(found$conf.int))
}
tost_p <- function(margin, ...) {
  max(t.test(..., mu = -margin, alternative = "greater")$p.value, t.test(..., mu = margin, alternative = "less")$p.value)
}
two <- list(
  x = x, y = y, margin = 0.2,
  welch = t_test(x, y), paired = t_test(x, y, paired = TRUE),
  welch_tost_p = tost_p(0.2, x, y), paired_tost_p = tost_p(0.2, x, y, paired = TRUE)
)
large_offset <- list(arm = offset_arm, base = offset_base, paired = t_test(offset_arm - 94, offset_base - 94, paired = TRUE),
  pooled = t_test(offset_arm - 94, offset_base - 94, var.equal = TRUE))
relative <- c(list(arm = block[4, ], base = block[1, ]), t_test(log(100 - block[4, ]), log(100 - block[1, ]), paired = TRUE))

# ---- Dunnett ---------------------------------------------------------------------------------------------------
dunnett <- function(model) {
  test <- glht(model, linfct = mcp(arm = "Dunnett"))
  at <- function(level) unname(confint(test, level = level)$confint)
  p <- summary(test)$test
  list(
    effect = unname(coef(test)), se = unname(p$sigma), df = test$df, p_adjusted = as.numeric(p$pvalues),
    low = at(0.95)[, 2], high = at(0.95)[, 3], low_90 = at(0.9)[, 2], high_90 = at(0.9)[, 3]
  )
}
long <- data.frame(acc = unlist(unpaired), arm = factor(rep(names(unpaired), lengths(unpaired)), levels = names(unpaired)))
unpaired_result <- dunnett(lm(acc ~ arm, long))
welch_p <- sapply(unpaired[-1], function(arm) t.test(arm, unpaired$base)$p.value)
unpaired_result$welch_holm <- unname(p.adjust(welch_p, "holm"))
rows <- data.frame(
  acc = as.vector(t(block)), arm = factor(rep(0:4, each = 6)), seed = factor(rep(0:5, times = 5))
)
block_result <- c(list(table = block), dunnett(lm(acc ~ arm + seed, rows)))

# ---- factorial -------------------------------------------------------------------------------------------------
off_on <- factor(0:1)
cells <- data.frame(
  acc = as.vector(t(factorial_cells)), seed = factor(rep(1:4, times = 8)),
  A = rep(off_on, each = 16), B = rep(rep(off_on, each = 8), 2), C = rep(rep(off_on, each = 4), 4)
)
model <- lm(acc ~ A * B * C + seed, cells)
main <- function(factor) summary(pairs(emmeans(model, factor), reverse = TRUE), infer = TRUE)
interaction2 <- function(factors) {
  summary(contrast(emmeans(model, factors), interaction = "revpairwise"), infer = TRUE)
}
columns <- function(found) list(effect = found$estimate, se = found$SE, df = found$df, p = found$p.value)
bind <- function(parts) lapply(list(effect = "estimate", se = "SE", df = "df", p = "p.value"), function(column) sapply(parts, function(part) part[[column]]))
grid <- emmeans(model, c("C", "B", "A")) # rows in the order of factorial_cells
on <- as.matrix(expand.grid(C = 0:1, B = 0:1, A = 0:1)[, c("A", "B", "C")])
shapley <- function(i) { # Shapley 1953: sum over subsets S without i of |S|! (3 - |S| - 1)! / 3! (v(S + i) - v(S))
  size <- rowSums(on) - on[, i]
  ifelse(on[, i] == 1, 1, -1) * factorial(size) * factorial(2 - size) / factorial(3)
}
leave_one_out <- list(A = c(0, 0, 0, -1, 0, 0, 0, 1), B = c(0, 0, 0, 0, 0, -1, 0, 1), C = c(0, 0, 0, 0, 0, 0, -1, 1))
shares <- lapply(c(A = 1, B = 2, C = 3), shapley)
mvt <- function(weights) {
  found <- contrast(grid, weights)
  band <- confint(found, adjust = "mvt")
  c(columns(summary(found, infer = TRUE, adjust = "none")), list(
    weights = unname(t(sapply(weights, identity))), p_adjusted = summary(found, adjust = "holm")$p.value,
    low = band$lower.CL, high = band$upper.CL
  ))
}
factorial_result <- list(
  table = factorial_cells,
  main_effect = bind(lapply(c("A", "B", "C"), main)),
  interaction = bind(lapply(list(c("A", "B"), c("A", "C"), c("B", "C")), interaction2)),
  leave_one_out = mvt(leave_one_out),
  shapley = mvt(shares),
  total = columns(summary(contrast(grid, list(all = c(-1, 0, 0, 0, 0, 0, 0, 1))), infer = TRUE))
)

# ---- moderation: Smyth (2004), section 6.2, written from the equations ------------------------------------------
trigamma_inverse <- function(value) uniroot(function(y) trigamma(y) - value, c(1e-6, 1e8), tol = 1e-13)$root
fit_f_dist <- function(v, df) {
  e <- log(v) - digamma(df / 2) + log(df / 2)
  excess <- sum((e - mean(e))^2) / (length(e) - 1) - trigamma(df / 2)
  if (excess <= 0) return(list(d0 = Inf, s0_squared = mean(v)))
  d0 <- 2 * trigamma_inverse(excess)
  list(d0 = d0, s0_squared = exp(mean(e) + digamma(d0 / 2) - log(d0 / 2)))
}
v <- apply(differences, 1, var)
own_df <- ncol(differences) - 1
moderated <- t(sapply(seq_along(v), function(i) { # the rule of docs/statistics.md, prior from the other arms
  prior <- fit_f_dist(v[-i], own_df)
  others <- length(v) - 1
  known <- own_df * others^2 / (others + others * (others - 1) * 0.25) # squared correlation .25: one shared baseline
  tail <- if (is.finite(prior$d0)) pf(v[i] / prior$s0_squared, own_df, prior$d0, lower.tail = FALSE) else pchisq(own_df * v[i] / prior$s0_squared, own_df, lower.tail = FALSE)
  d0 <- if (tail < 0.1) 0 else min(prior$d0, known)
  s_squared <- if (d0 == 0) v[i] else (d0 * prior$s0_squared + own_df * v[i]) / (d0 + own_df)
  c(sqrt(s_squared / (own_df + 1)), own_df + d0)
}))
t_moderated <- rowMeans(differences) / moderated[, 1]
p_moderated <- 2 * pt(-abs(t_moderated), moderated[, 2])
everyone <- fit_f_dist(v, own_df)
moderation <- list(
  differences = differences, d0 = everyone$d0, s0_squared = everyone$s0_squared,
  se = moderated[, 1], df = moderated[, 2], p = p_moderated, p_adjusted = p.adjust(p_moderated, "holm")
)

# ---- spread, several workloads, counts, times --------------------------------------------------------------------
long$deviation <- abs(long$acc - ave(long$acc, long$arm, FUN = median))
brown_forsythe <- anova(lm(deviation ~ arm, long))[["Pr(>F)"]][1]

effect <- sapply(workloads, mean)
se <- sapply(workloads, function(w) sd(w) / sqrt(length(w)))
meta <- function(effect, se) { # Paule and Mandel 1982; Hartung and Knapp 2001; Higgins et al. 2009
  k <- length(effect)
  q_of <- function(tau2) { w <- 1 / (se^2 + tau2); sum(w * (effect - sum(w * effect) / sum(w))^2) }
  tau2 <- if (q_of(0) <= k - 1) 0 else uniroot(function(t) q_of(t) - (k - 1), c(0, 100), tol = 1e-14)$root
  w <- 1 / (se^2 + tau2)
  mean <- sum(w * effect) / sum(w)
  variance <- sum(w * (effect - mean)^2) / ((k - 1) * sum(w))
  list(
    mean = mean, tau = sqrt(tau2), q = q_of(0), se_of_mean = sqrt(variance),
    interval = mean + c(-1, 1) * qt(0.975, k - 1) * sqrt(variance),
    prediction = if (k > 2) mean + c(-1, 1) * qt(0.975, k - 2) * sqrt(tau2 + variance) else c(NaN, NaN)
  )
}
samples <- data.frame(d = unlist(workloads), w = factor(rep(seq_along(workloads), lengths(workloads))))
across <- c(
  list(effect = effect, se = se, df = lengths(workloads) - 1, welch_p = oneway.test(d ~ w, samples)$p.value),
  meta(effect, se)
)
fisher <- list(table = rbind(c(4, 6), c(0, 10)), p = fisher.test(rbind(c(4, 6), c(0, 10)))$p.value)
log_rank <- survdiff(Surv(seconds, reached) ~ group)
survival <- list(seconds = seconds, reached = reached, group = group, chi2 = log_rank$chisq, p = pchisq(log_rank$chisq, 1, lower.tail = FALSE),
  medians = unname(summary(survfit(Surv(seconds, reached) ~ group))$table[, "median"]))

cat(json(list(
  two_samples = two, large_offset = large_offset, relative_error = relative,
  unpaired = c(list(arms = unpaired), unpaired_result), block = block_result, factorial = factorial_result,
  moderation = moderation, brown_forsythe = list(p = brown_forsythe), across = across, fisher = fisher, survival = survival
)), "\n")
