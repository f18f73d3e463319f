(* rate-identity, rate-bounds, normalization-units (docs/theory.md, Code lengths): rates against a uniform law on the leaves of a dataset. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv.
Open Scope R_scope.

Section Rate.
Variables (M : nat) (p mix : nat -> R) (w : R).                      (* a dataset, the joint law, the dataset's share *)
Hypothesis p_nonneg : forall j, (j < M)%nat -> 0 <= p j.
Hypothesis unit : Sum M p = 1.
Hypothesis mix_pos : forall j, (j < M)%nat -> 0 < mix j.
Definition own j := if Rlt_dec 0 (p j) then 1 else 0.                (* 1 on the leaves of the dataset *)
Definition leaves_of := Sum M own.
Definition uniform j := own j / leaves_of.
Definition CE := - Σ j < M, p j * ln (mix j).
Lemma leaves_pos : 1 <= leaves_of.
Proof.
  assert (O : forall j, (j < M)%nat -> 0 <= own j) by (intros; unfold own; destruct (Rlt_dec 0 (p j)); lra).
  destruct (Rle_or_lt 1 leaves_of) as [L|L]; auto. exfalso. assert (Sum M p = 0); [|lra].
  apply Sum_zero. intros j Hj. pose proof (Sum_term M own j O Hj) as T. unfold leaves_of in L. unfold own at 1 in T.
  destruct (Rlt_dec 0 (p j)); [lra|]. specialize (p_nonneg j Hj). lra.
Qed.
Theorem rate_identity : CE - ln leaves_of = (Σ j < M, p j * ln (p j / mix j)) - Σ j < M, p j * ln (p j / uniform j).
Proof.
  pose proof leaves_pos. unfold CE.
  assert (leaf : forall j, (j < M)%nat -> p j * ln (p j / mix j) = p j * ln (p j / uniform j) - p j * ln (mix j) - ln leaves_of * p j).
  { intros j Hj. destruct (p_nonneg j Hj) as [P|<-]; [|ring]. specialize (mix_pos j Hj).
    unfold uniform, own. destruct (Rlt_dec 0 (p j)); [|lra].
    rewrite (ln_quot (p j) (mix j)), (ln_quot (p j) (1 / leaves_of)), (ln_quot 1), ln_1 by pos. ring. }
  sum M leaf as S. rewrite unit in S by auto. rewrite S. ring.
Qed.
Hypothesis share : 0 < w.
Hypothesis contains : forall j, (j < M)%nat -> w * p j <= mix j.
Hypothesis mix_one : forall j, (j < M)%nat -> mix j <= 1.
Theorem rate_bounds : - ln leaves_of <= CE - ln leaves_of <= ln (1 / w).
Proof.
  pose proof leaves_pos.
  assert (K : KL M p mix <= ln (1 / w)).
  { unfold KL. replace (ln (1 / w)) with (Σ j < M, ln (1 / w) * p j) by (rewrite Sum_scal, unit; ring). apply Sum_le. intros j Hj.
    specialize (mix_pos j Hj). specialize (contains j Hj). destruct (p_nonneg j Hj) as [P|<-]; [|lra]. rewrite Rmult_comm.
    apply Rmult_le_compat_r; [lra|].
    apply ln_le; [pos|]. apply (Rmult_le_reg_r (mix j * w)); [pos|].
    replace (p j / mix j * (mix j * w)) with (w * p j) by (field; lra). replace (1 / w * (mix j * w)) with (mix j) by (field; lra). exact contains. }
  assert (U : 0 <= KL M p uniform).
  { apply gibbs; auto; unfold uniform, own; intros.
    - destruct (Rlt_dec 0 (p j)); nonneg.
    - destruct (Rlt_dec 0 (p j)); [pos|lra].
    - right. unfold Rdiv. rewrite (Sum_ext M _ (fun j => / leaves_of * own j)), Sum_scal, unit by (auto; intros; unfold own; ring).
      fold leaves_of. field. lra. }
  rewrite rate_identity at 2. unfold KL in *. split; [|lra].
  assert (0 <= CE); [|lra]. unfold CE. rewrite <- Sum_opp. apply Sum_nonneg. intros j Hj.
  specialize (mix_pos j Hj). specialize (mix_one j Hj). assert (ln (mix j) <= ln 1) by (apply ln_le; lra). rewrite ln_1 in *. specialize (p_nonneg j Hj).
  replace (- (p j * ln (mix j))) with (p j * - ln (mix j)) by ring. apply Rmult_le_pos; lra.
Qed.
End Rate.

(* A code length of c per phrase of d symbols, m leaves. Counting in units of 1/rho symbols turns d into d/rho: the consistent rate is
   multiplied by rho, the literal one is not. A uniform source over V symbols has c = d ln V and m = V^d. The entropy does not move
   with the volumes, so both have the same derivative. *)
Theorem normalization_units c d m rho : 0 < d -> 0 < m -> 0 < rho ->
  (c - ln m) / d - (c / d - ln m) = (1 - 1 / d) * ln m /\
  (c - ln m) / (d / rho) = rho * ((c - ln m) / d) /\
  (c / (d / rho) - ln m) - rho * (c / d - ln m) = (rho - 1) * ln m /\
  (forall V k, 0 < V -> (INR k * ln V - ln (V ^ k)) / INR k = 0 /\ ((0 < k)%nat -> INR k * ln V / INR k - ln (V ^ k) = (1 - INR k) * ln V)) /\
  (forall (f : R -> R) x, Derive (fun e => f e / d - ln m) x = Derive (fun e => (f e - ln m) / d) x).
Proof.
  intros D H R. repeat split; try (field; lra).
  - rewrite ln_pow by auto. unfold Rdiv. ring.
  - intros K. rewrite ln_pow by auto. apply (lt_INR 0) in K. simpl in K. field. lra.
  - intros f x. unfold Derive. f_equal. apply Lim_ext. intros h. unfold Rdiv. ring.
Qed.
