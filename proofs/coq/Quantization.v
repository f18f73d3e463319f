(* quantization-overhead (docs/format.md, The weights): what whole-number weights cost, for any number A of symbols. *)
From Coq Require Import Reals Lra Lia Arith.
From Compresslab Require Import Base Code.
Open Scope R_scope.

Section Weights.
Variables (A : nat) (q : nat -> R) (f : R) (share : nat -> R) (first : nat).
Hypothesis unit : Sum A q = 1.
Hypothesis f_pos : 0 < f.
Hypothesis first_symbol : (first < A)%nat.
(* the share of f parts, rounded down: a whole number if f is, which the proof does not need *)
Hypothesis rounded : forall j, (j < A)%nat -> 0 <= share j /\ share j <= f * q j < share j + 1.
Definition left_over := f - Sum A share.
(* each symbol its share and one part more, the first one what is left over *)
Definition weight j := 1 + share j + (if Nat.eqb j first then left_over else 0).

Lemma left_over_nonneg : 0 <= left_over.
Proof.
  unfold left_over. assert (Sum A share <= Σ j < A, f * q j) by (apply Sum_le; intros j Hj; apply rounded, Hj).
  rewrite Sum_scal in H. change (Σ j < A, q j) with (Sum A q) in H. rewrite unit in H. lra.
Qed.
Lemma weights_sum : (Σ j < A, weight j) = f + INR A.
Proof.
  unfold weight. rewrite !Sum_plus, Sum_const, (Sum_delta A first (fun _ => left_over)) by auto. unfold left_over. ring.
Qed.
Lemma weight_above j : (j < A)%nat -> f * q j < weight j /\ 1 <= weight j.
Proof. intros Hj. destruct (rounded j Hj) as [S0 U]. pose proof left_over_nonneg. unfold weight. destruct (Nat.eqb j first); lra. Qed.
Lemma overhead e : (e < A)%nat -> 0 < q e -> - log2 (weight e / (f + INR A)) < - log2 (q e) - log2 (f / (f + INR A)).
Proof.
  intros He P. pose proof ln2. destruct (weight_above e He) as [U _]. pose proof (pos_INR A).
  assert (0 < f * q e) by pos. unfold log2. rewrite !ln_quot by lra.
  assert (ln (f * q e) < ln (weight e)) as L by (apply ln_increasing; auto). rewrite ln_mult in L by auto.
  apply (Rmult_lt_reg_l (ln 2)); auto. unfold Rdiv.
  replace (ln 2 * - ((ln (weight e) - ln (f + INR A)) * / ln 2)) with (ln (f + INR A) - ln (weight e)) by (field; lra).
  replace (ln 2 * (- (ln (q e) * / ln 2) - (ln f - ln (f + INR A)) * / ln 2)) with (ln (f + INR A) - (ln f + ln (q e))) by (field; lra).
  lra.
Qed.
Theorem quantization_overhead : (Σ j < A, weight j) = f + INR A /\ (forall j, (j < A)%nat -> 1 <= weight j) /\
  forall e, (e < A)%nat -> 0 < q e -> - log2 (weight e / (f + INR A)) < - log2 (q e) - log2 (f / (f + INR A)).
Proof. split; [exact weights_sum|split; [intros; apply weight_above; auto|exact overhead]]. Qed.
End Weights.
