(* Entropy and code lengths in bits (docs/theory.md, Code lengths): both ways of the entropy bound, for any lengths that satisfy Kraft's
   inequality and any number M of leaves. Kraft.v and McMillan.v say which codes do; the claims are in CodeLength.v. *)
From Coq Require Import Reals Lra Lia Arith ZArith.
From Compresslab Require Import Base.
Open Scope R_scope.

Definition log2 x := ln x / ln 2.
Definition entropy M p := - Σ j < M, p j * log2 (p j).                    (* a leaf with p = 0 gives 0 *)
Definition size (l : nat) := / 2 ^ l.                                     (* the share of the code space that a word of l bits takes *)
Lemma ln2 : 0 < ln 2. Proof. pose proof ln_lt_2. lra. Qed.
Lemma size_pos l : 0 < size l.
Proof. apply Rinv_0_lt_compat, pow_lt. lra. Qed.
Lemma log2_size l : log2 (size l) = - INR l.
Proof.
  unfold log2, size. assert (0 < 2 ^ l) by (apply pow_lt; lra). rewrite ln_Rinv, ln_pow by lra. pose proof ln2. field. lra.
Qed.

(* --- below: no lengths that satisfy Kraft's inequality beat the entropy --- *)
Theorem entropy_below M p (len : nat -> nat) : (forall j, (j < M)%nat -> 0 <= p j) -> Sum M p = 1 ->
  (Σ j < M, size (len j)) <= 1 -> entropy M p <= Σ j < M, p j * INR (len j).
Proof.
  intros P U K. pose proof ln2 as L.
  assert (G : 0 <= KL M p (fun j => size (len j))).
  { apply gibbs; auto; intros; try apply size_pos; [left; apply size_pos|]. rewrite U. exact K. }
  assert (leaf : forall j, (j < M)%nat -> p j * ln (p j / size (len j)) = ln 2 * (p j * log2 (p j) + p j * INR (len j))).
  { intros j Hj. destruct (P j Hj) as [H|<-]; [|ring]. rewrite ln_quot by (auto; apply size_pos).
    pose proof (log2_size (len j)) as E. unfold log2 in *.
    replace (ln (size (len j))) with (ln 2 * - INR (len j)) by (rewrite <- E; field; lra). field. lra. }
  unfold KL in G. rewrite (Sum_ext _ _ _ leaf), Sum_scal, Sum_plus in G. unfold entropy.
  assert (0 <= (Σ j < M, p j * log2 (p j)) + (Σ j < M, p j * INR (len j))); [|lra].
  apply (Rmult_le_reg_l (ln 2)); lra.
Qed.
(* with equality only for p = 2^-len *)
Theorem entropy_reached M p (len : nat -> nat) : (forall j, (j < M)%nat -> 0 <= p j) -> Sum M p = 1 ->
  (Σ j < M, size (len j)) <= 1 -> entropy M p = (Σ j < M, p j * INR (len j)) -> forall j, (j < M)%nat -> p j = size (len j).
Proof.
  intros P U K E. pose proof ln2 as L. apply (gibbs_equality M p (fun j => size (len j))); auto; intros; try apply size_pos.
  - left; apply size_pos.
  - rewrite U. exact K.
  - unfold KL. rewrite (Sum_ext _ _ (fun j => ln 2 * (p j * log2 (p j) + p j * INR (len j)))).
    + rewrite Sum_scal, Sum_plus, <- E. unfold entropy. ring.
    + intros j Hj. destruct (P j Hj) as [H|<-]; [|ring]. rewrite ln_quot by (auto; apply size_pos).
      pose proof (log2_size (len j)) as F. unfold log2 in *.
      replace (ln (size (len j))) with (ln 2 * - INR (len j)) by (rewrite <- F; field; lra). field. lra.
Qed.

(* --- above: Shannon's lengths --- *)
Definition ceiling (x : R) : Z := (1 - up (- x))%Z.
Lemma ceiling_spec x : x <= IZR (ceiling x) < x + 1.
Proof. unfold ceiling. rewrite minus_IZR. destruct (archimed (- x)). lra. Qed.
Definition shannon (p : R) : nat := Z.to_nat (ceiling (- log2 p)).
Lemma shannon_spec p : 0 < p <= 1 -> - log2 p <= INR (shannon p) < - log2 p + 1.
Proof.
  intros [P Q]. pose proof ln2. assert (N : 0 <= - log2 p).
  { unfold log2. replace (- (ln p / ln 2)) with ((- ln p) / ln 2) by (field; lra). apply Rdiv_pos; auto.
    pose proof (ln_below p P). lra. }
  pose proof (ceiling_spec (- log2 p)) as C. unfold shannon. rewrite INR_IZR_INZ, Z2Nat.id; auto. apply le_IZR. lra.
Qed.
Lemma shannon_fits p : 0 < p <= 1 -> size (shannon p) <= p.
Proof.
  intros H. pose proof ln2 as L. destruct (shannon_spec p H) as [A _]. destruct H as [P _].
  apply ln_le_inverse; auto using size_pos. pose proof (log2_size (shannon p)) as E. unfold log2 in *.
  apply (Rmult_le_reg_r (/ ln 2)); [apply Rinv_0_lt_compat, L|]. unfold Rdiv in *. lra.
Qed.
Section Shannon.
Variables (M : nat) (p : nat -> R).
Hypothesis p_pos : forall j, (j < M)%nat -> 0 < p j.
Hypothesis unit : Sum M p = 1.
Lemma p_le_1 j : (j < M)%nat -> 0 < p j <= 1.
Proof. intros Hj. split; auto. rewrite <- unit. apply Sum_term; auto. intros; left; auto. Qed.
Theorem shannon_kraft : (Σ j < M, size (shannon (p j))) <= 1.
Proof. rewrite <- unit. apply Sum_le. intros j Hj. apply shannon_fits, p_le_1, Hj. Qed.
Theorem shannon_cost : (Σ j < M, p j * INR (shannon (p j))) < entropy M p + 1.
Proof.
  assert (some : (0 < M)%nat) by (destruct M; [simpl in unit; lra|lia]).
  assert (D : 0 < Σ j < M, (p j * (- log2 (p j) + 1) - p j * INR (shannon (p j)))).
  { assert (T : forall j, (j < M)%nat -> 0 < p j * (- log2 (p j) + 1) - p j * INR (shannon (p j))).
    { intros j Hj. destruct (shannon_spec (p j) (p_le_1 j Hj)) as [_ C]. specialize (p_pos j Hj). nra. }
    apply (Sum_pos M _ 0); auto. intros; left; auto. }
  rewrite Sum_minus, (Sum_ext M (fun j => p j * (- log2 (p j) + 1)) (fun j => p j - p j * log2 (p j))) in D by (intros; ring).
  rewrite Sum_minus, unit in D. unfold entropy. lra.
Qed.
End Shannon.
