(* parametric-softmax-is-the-tree (docs/theory.md, Parametric elasticity): with free logits the minimum of the total loss is the mixture, and the losses there are the
   code lengths of Mixture.v. So joint compression is the softmax case of parametric elasticity. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Line Logit Mixture.
Open Scope R_scope.

Section Softmax.
Variables (N M : nat) (vol : nat -> R) (p : nat -> nat -> R).
Hypothesis some : (0 < M)%nat.
Hypothesis unit : forall i, (i < N)%nat -> Sum M (p i) = 1.
Hypothesis leaf_mass : forall j, (j < M)%nat -> 0 < joint N vol p j.
Hypothesis W_pos : 0 < W N vol.
Definition total_loss z := Σ i < N, vol i * loss M (p i) z.
Definition best j := ln (joint N vol p j).

Lemma softmax_log (q : nat -> R) j : (forall j, (j < M)%nat -> 0 < q j) -> (j < M)%nat -> softmax M (fun j => ln (q j)) j = q j / Sum M q.
Proof.
  intros H Hj. unfold softmax, Z. rewrite exp_ln by auto. f_equal. apply Sum_ext. intros i Hi. apply exp_ln; auto.
Qed.
Lemma softmax_is_mixture j : (j < M)%nat -> softmax M best j = joint N vol p j / W N vol.
Proof. intros Hj. unfold best. rewrite softmax_log, (joint_total N M vol p unit) by auto. reflexivity. Qed.
(* the loss at the minimum, while e more of dataset t is mixed in, is the code length of Line.v *)
Lemma loss_is_code_length t u e : (t < N)%nat -> 0 < W N vol + e -> (forall j, (j < M)%nat -> 0 < Q (joint N vol p) (p t) e j) ->
  loss M u (fun j => ln (Q (joint N vol p) (p t) e j)) = code M (joint N vol p) (p t) (W N vol) u e.
Proof.
  intros Ht HW H. unfold loss, code. f_equal. apply Sum_ext. intros j Hj. rewrite softmax_log by auto. do 3 f_equal.
  unfold Q. rewrite Sum_plus, Sum_scal, (joint_total N M vol p unit), unit by auto. ring.
Qed.
(* the gap to the minimum is a divergence: so best is a minimum, the only one up to a constant added to all logits *)
Lemma total_gap z : total_loss z - total_loss best = W N vol * KL M (fun j => joint N vol p j / W N vol) (softmax M z).
Proof.
  assert (A : forall y, total_loss y = - Σ j < M, joint N vol p j * ln (softmax M y j)).
  { intros y. unfold total_loss, loss. rewrite <- Sum_opp, (Sum_ext N _ (fun i => Σ j < M, - (vol i * p i j * ln (softmax M y j)))).
    - rewrite Sum_swap. apply Sum_ext. intros j _. rewrite Sum_opp,
        (Sum_ext N _ (fun i => ln (softmax M y j) * (vol i * p i j))), Sum_scal by (intros; ring).
      unfold joint. ring.
    - intros i _. rewrite <- Sum_opp, <- Sum_scal. apply Sum_ext; intros; ring. }
  rewrite !A. unfold KL. rewrite <- Sum_scal.
  assert (leaf : forall j, (j < M)%nat -> W N vol * (joint N vol p j / W N vol * ln (joint N vol p j / W N vol / softmax M z j))
    = joint N vol p j * ln (softmax M best j) - joint N vol p j * ln (softmax M z j)).
  { intros j Hj. pose proof (leaf_mass j Hj). rewrite softmax_is_mixture by auto. pose proof (softmax_pos M some z j).
    rewrite (ln_quot (joint N vol p j / W N vol)) by pos. field. lra. }
  rewrite (Sum_ext _ _ _ leaf), Sum_minus. ring.
Qed.
Lemma best_is_minimal z : total_loss best <= total_loss z /\
  (total_loss best = total_loss z <-> forall j, (j < M)%nat -> softmax M z j = joint N vol p j / W N vol).
Proof.
  pose proof (total_gap z) as G.
  assert (A : forall j, (j < M)%nat -> 0 <= joint N vol p j / W N vol) by (intros j Hj; pose proof (leaf_mass j Hj); nonneg).
  assert (B : forall j, (j < M)%nat -> 0 <= softmax M z j) by (intros; left; apply softmax_pos; auto).
  assert (C : forall j, (j < M)%nat -> 0 < joint N vol p j / W N vol -> 0 < softmax M z j) by (intros; apply softmax_pos; auto).
  assert (D : Sum M (softmax M z) <= Σ j < M, joint N vol p j / W N vol).
  { rewrite softmax_unit by auto. rewrite (Sum_ext M _ (fun j => / W N vol * joint N vol p j)), Sum_scal, (joint_total N M vol p unit) by (intros;
      unfold Rdiv; ring).
    right. field. lra. }
  pose proof (gibbs M _ _ A B C D) as K. pose proof (gibbs_equality M _ _ A B C D) as K0.
  split; [nra|]. split; intros H.
  - intros j Hj. symmetry. apply K0; auto. nra.
  - assert (KL M (fun j => joint N vol p j / W N vol) (softmax M z) = 0) as Z0 by (apply K0; intros; symmetry; auto). rewrite Z0 in G. lra.
Qed.
(* the minimum is the mixture, the only one up to a constant added to all logits; the loss of dataset i at the minimum, while e more of
   dataset t is mixed in, is the code length C_i of Mixture.v *)
Theorem parametric_softmax_is_the_tree :
  (forall j, (j < M)%nat -> softmax M best j = joint N vol p j / W N vol) /\
  (forall z, total_loss best <= total_loss z /\
    (total_loss best = total_loss z <-> forall j, (j < M)%nat -> softmax M z j = joint N vol p j / W N vol)) /\
  (forall i t e, (t < N)%nat -> 0 < W N vol + e -> (forall j, (j < M)%nat -> 0 < joint N vol p j + e * p t j) ->
    loss M (p i) (fun j => ln (joint N vol p j + e * p t j)) = C N M vol p i t e).
Proof.
  split; [exact softmax_is_mixture|split; [exact best_is_minimal|]]. intros i t e Ht HW H. rewrite C_line by auto.
  apply (loss_is_code_length t (p i) e Ht HW H).
Qed.
End Softmax.
