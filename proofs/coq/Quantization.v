(* quantization-overhead (docs/format.md, The weights): what whole-number weights cost, for any number A of symbols. *)
From Coq Require Import Reals Lra Lia Arith ZArith.
From Compresslab Require Import Base Code.
Open Scope R_scope.

Definition floor (x : R) : Z := (up x - 1)%Z.
Lemma floor_spec x : IZR (floor x) <= x < IZR (floor x) + 1.
Proof. unfold floor. rewrite minus_IZR. destruct (archimed x). lra. Qed.
Fixpoint ZSum (n : nat) (f : nat -> Z) : Z := match n with O => 0 | S m => ZSum m f + f m end%Z.
Lemma IZR_ZSum n f : IZR (ZSum n f) = Σ j < n, IZR (f j).
Proof. induction n; simpl; auto. rewrite plus_IZR, IHn. reflexivity. Qed.

Section Weights.
Variables (A : nat) (q : nat -> R) (f : Z) (first : nat).
Hypothesis q_nonneg : forall j, (j < A)%nat -> 0 <= q j.
Hypothesis unit : Sum A q = 1.
Hypothesis f_pos : (0 < f)%Z.
Hypothesis first_symbol : (first < A)%nat.
Let share j := floor (IZR f * q j).
Definition left_over := (f - ZSum A share)%Z.
(* whole numbers: each symbol its share of f parts rounded down and one part more, the first one what is left over *)
Definition weight j := (1 + share j + (if Nat.eqb j first then left_over else 0))%Z.

Lemma F : 0 < IZR f. Proof. apply (IZR_lt 0), f_pos. Qed.
Lemma left_over_nonneg : (0 <= left_over)%Z.
Proof.
  unfold left_over. apply Zle_minus_le_0, le_IZR. rewrite IZR_ZSum.
  replace (IZR f) with (IZR f * Sum A q) by (rewrite unit; ring). rewrite <- Sum_scal.
  apply Sum_le. intros j _. apply floor_spec.
Qed.
Lemma share_nonneg j : (j < A)%nat -> (0 <= share j)%Z.
Proof.
  intros Hj. apply Z.lt_succ_r, lt_IZR. rewrite succ_IZR. pose proof F. pose proof (floor_spec (IZR f * q j)) as [_ U].
  assert (0 <= IZR f * q j) by nonneg. fold (share j) in U. lra.
Qed.
Lemma weights_sum : (Σ j < A, IZR (weight j)) = IZR f + INR A.
Proof.
  rewrite (Sum_ext A _ (fun j => (1 + IZR (share j)) + (if Nat.eqb j first then IZR left_over else 0))).
  2: { intros j _. unfold weight. rewrite !plus_IZR. destruct (Nat.eqb j first); ring. }
  rewrite !Sum_plus, Sum_const, (Sum_delta A first (fun _ => IZR left_over)) by auto.
  unfold left_over. rewrite minus_IZR, IZR_ZSum. ring.
Qed.
Lemma weights_positive j : (j < A)%nat -> (1 <= weight j)%Z.
Proof. intros Hj. pose proof (share_nonneg j Hj). pose proof left_over_nonneg. unfold weight. destruct (Nat.eqb j first); lia. Qed.
Lemma weight_above j : (j < A)%nat -> IZR f * q j < IZR (weight j).
Proof.
  intros Hj. pose proof (floor_spec (IZR f * q j)) as [_ U]. fold (share j) in U. unfold weight. rewrite !plus_IZR.
  pose proof (IZR_le _ _ left_over_nonneg). destruct (Nat.eqb j first); lra.
Qed.
Lemma overhead e : (e < A)%nat -> 0 < q e ->
  - log2 (IZR (weight e) / (IZR f + INR A)) < - log2 (q e) - log2 (IZR f / (IZR f + INR A)).
Proof.
  intros He P. pose proof F. pose proof ln2. pose proof (weight_above e He) as U. pose proof (pos_INR A).
  assert (0 < IZR f * q e) by pos. unfold log2. rewrite !ln_quot by lra.
  assert (ln (IZR f * q e) < ln (IZR (weight e))) as L by (apply ln_increasing; auto). rewrite ln_mult in L by auto.
  apply (Rmult_lt_reg_l (ln 2)); auto. unfold Rdiv.
  replace (ln 2 * - ((ln (IZR (weight e)) - ln (IZR f + INR A)) * / ln 2)) with (ln (IZR f + INR A) - ln (IZR (weight e))) by (field; lra).
  replace (ln 2 * (- (ln (q e) * / ln 2) - (ln (IZR f) - ln (IZR f + INR A)) * / ln 2)) with (ln (IZR f + INR A) - (ln (IZR f) + ln (q e))) by (field; lra).
  lra.
Qed.
Theorem quantization_overhead : (Σ j < A, IZR (weight j)) = IZR f + INR A /\ (forall j, (j < A)%nat -> (1 <= weight j)%Z) /\
  forall e, (e < A)%nat -> 0 < q e -> - log2 (IZR (weight e) / (IZR f + INR A)) < - log2 (q e) - log2 (IZR f / (IZR f + INR A)).
Proof. auto using weights_sum, weights_positive, overhead. Qed.
End Weights.
