(* volume-derivative, conservation-law, own-rate-falls, overlap-sign, second-derivative, rebound-slows, hooke-forward,
   hooke-reverse-derivative (docs/theory.md, Joint compression and Hooke's law): N datasets with volumes n, M leaves. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Line.
Open Scope R_scope.

Section Mixture.
Variables (N M : nat) (n : nat -> R) (p : nat -> nat -> R).
Hypothesis p_nonneg : forall i j, (i < N)%nat -> (j < M)%nat -> 0 <= p i j.
Hypothesis unit : forall i, (i < N)%nat -> Sum M (p i) = 1.
Definition W := Sum N n.
Definition joint j := Σ s < N, n s * p s j.
Hypothesis leaf_mass : forall j, (j < M)%nat -> 0 < joint j.
Hypothesis W_pos : 0 < W.

(* the volumes when dataset t has e more, the joint law then, and the code length of dataset i under it; dC i t is ∂C_i/∂n_t *)
Definition more t e s := n s + (if Nat.eqb s t then e else 0).
Definition mixed t e j := (Σ s < N, more t e s * p s j) / Σ s < N, more t e s.
Definition C i t e := - Σ j < M, p i j * ln (mixed t e j).
Definition dC i t := Derive (C i t) 0.

Lemma mixed_line t e j : (t < N)%nat -> mixed t e j = Q joint (p t) e j / (W + e).
Proof.
  intros Ht. unfold mixed, more, Q, joint, W. rewrite Sum_plus, (Sum_delta N t (fun _ => e)) by auto. f_equal.
  rewrite <- (Sum_delta N t (fun s => e * p s j)), <- Sum_plus by auto. apply Sum_ext. intros s _. destruct (Nat.eqb s t); ring.
Qed.
Lemma C_line i t e : (t < N)%nat -> C i t e = code M joint (p t) W (p i) e.
Proof. intros Ht. unfold C, code. f_equal. apply Sum_ext. intros j _. rewrite mixed_line by auto. reflexivity. Qed.
Lemma leaves_0 t : leaves M joint (p t) W 0.
Proof. split; [|lra]. intros j Hj. unfold Q. rewrite Rmult_0_l, Rplus_0_r. auto. Qed.
Lemma Q_0 t j : Q joint (p t) 0 j = joint j.
Proof. unfold Q. ring. Qed.
Lemma dC_slope i t : (i < N)%nat -> (t < N)%nat -> dC i t = slope M joint (p t) W (p i) 0.
Proof.
  intros Hi Ht. unfold dC. rewrite (Derive_ext _ (code M joint (p t) W (p i))) by (intros; apply C_line, Ht).
  apply Derive_code; auto using leaves_0.
Qed.
Lemma dC_overlap i t : (i < N)%nat -> (t < N)%nat -> dC i t = / W - Σ j < M, p i j * p t j / joint j.
Proof.
  intros Hi Ht. rewrite dC_slope by auto. unfold slope, overlap. rewrite Rplus_0_r. f_equal.
  apply Sum_ext. intros j _. rewrite Q_0. reflexivity.
Qed.
Theorem volume_derivative i t : (i < N)%nat -> (t < N)%nat -> dC i t = / W - (Σ j < M, p i j * p t j / joint j) /\ dC i t = dC t i.
Proof.
  intros Hi Ht. split; [apply dC_overlap; auto|]. rewrite !dC_overlap by auto. f_equal. apply Sum_ext; intros. unfold Rdiv. ring.
Qed.
Theorem conservation_law t : (t < N)%nat -> (Σ i < N, n i * dC i t) = 0.
Proof.
  intros Ht. rewrite (Sum_ext N _ (fun i => / W * n i - Σ j < M, (p t j / joint j) * (n i * p i j))).
  - rewrite Sum_minus, Sum_scal, Sum_swap. fold W. rewrite (Sum_ext M _ (p t)).
    + rewrite unit by auto. field. lra.
    + intros j Hj. rewrite Sum_scal. fold (joint j). field. specialize (leaf_mass j Hj). lra.
  - intros i Hi. rewrite dC_overlap, Rmult_minus_distr_l, <- Sum_scal by auto. f_equal; [ring|].
    apply Sum_ext; intros. unfold Rdiv. ring.
Qed.
Lemma joint_total : Sum M joint = W.
Proof.
  unfold joint, W. rewrite Sum_swap. apply Sum_ext. intros i Hi. rewrite Sum_scal, unit by auto. ring.
Qed.
(* with equality only where the data has the joint law; so the others together cannot gain *)
Theorem own_rate_falls t : (t < N)%nat -> dC t t <= 0 /\ (dC t t = 0 <-> forall j, (j < M)%nat -> p t j = joint j / W) /\
  (0 <= n t -> 0 <= Σ i < N, (if Nat.eqb i t then 0 else n i * dC i t)).
Proof.
  intros Ht. destruct (own_rate M joint (p t) W 0 (leaves_0 t) (unit t Ht)) as [A B].
  { rewrite Rplus_0_r, <- joint_total. apply Sum_ext. intros; unfold Q; ring. }
  rewrite <- dC_slope in A, B by auto. split; [exact A|split].
  - rewrite B, Rplus_0_r. split; intros H j Hj; specialize (H j Hj); rewrite Q_0 in *; exact H.
  - intros P. pose proof (conservation_law t Ht) as Z. rewrite (Sum_split N t _ Ht) in Z. nra.
Qed.
Let o i t := Σ j < M, p i j * p t j / (joint j / W).
Lemma o_overlap i t : o i t = W * Σ j < M, p i j * p t j / joint j.
Proof.
  unfold o. rewrite <- Sum_scal. apply Sum_ext. intros j Hj. specialize (leaf_mass j Hj). field. split; lra.
Qed.
Theorem overlap_sign i t : (i < N)%nat -> (t < N)%nat -> dC i t = (1 - o i t) / W /\ (0 < dC i t <-> o i t < 1) /\
  o t t - 1 = Σ j < M, Rsqr (p t j - joint j / W) / (joint j / W).
Proof.
  intros Hi Ht. assert (E : dC i t = (1 - o i t) / W) by (rewrite dC_overlap, o_overlap by auto; field; lra). split; [exact E|split].
  - rewrite E. assert (0 < / W) by (apply Rinv_0_lt_compat, W_pos). unfold Rdiv. split; intros; nra.
  - assert (leaf : forall j, (j < M)%nat -> Rsqr (p t j - joint j / W) / (joint j / W) = p t j * p t j / (joint j / W) - 2 * p t j + / W * joint j).
    { intros j Hj. specialize (leaf_mass j Hj). unfold Rsqr. field. split; lra. }
    sum M leaf as S. change (Σ j < M, joint j) with (Sum M joint) in S. rewrite joint_total, unit in S by auto. unfold o. rewrite S. field. lra.
Qed.
Lemma d2C_bend i t : (i < N)%nat -> (t < N)%nat -> Derive_n (C i t) 2 0 = bend M joint (p t) W (p i) 0.
Proof.
  intros Hi Ht. rewrite (Derive_n_ext _ (code M joint (p t) W (p i))) by (intros; apply C_line, Ht).
  apply Derive2_code; auto using leaves_0.
Qed.
Theorem second_derivative i t : (i < N)%nat -> (t < N)%nat ->
  Derive_n (C i t) 2 0 = (Σ j < M, p i j * (p t j * p t j) / (joint j * joint j)) - / (W * W).
Proof.
  intros Hi Ht. rewrite d2C_bend by auto. unfold bend. rewrite Rplus_0_r. f_equal. apply Sum_ext. intros j _. rewrite Q_0. reflexivity.
Qed.
Theorem rebound_slows i t : (i < N)%nat -> (t < N)%nat -> dC i t * (dC i t - 2 / W) <= Derive_n (C i t) 2 0 /\
  (dC i t <= 0 -> 0 <= Derive_n (C i t) 2 0).
Proof.
  intros Hi Ht. rewrite d2C_bend, dC_slope by auto.
  pose proof (bend_bound M joint (p t) W (p i) 0 (leaves_0 t) (unit i Hi) (fun j Hj => p_nonneg i j Hi Hj)) as B. rewrite Rplus_0_r in B.
  split; [exact B|]. apply convex_where_falling; auto using leaves_0.
Qed.

(* --- Hooke's law: the force on dataset i is n_i times the derivative of a divergence --- *)
Definition divergence i t e := Σ j < M, p i j * ln (p i j / mixed t e j).               (* KL(p_i || p_D) *)
Definition reverse i t e := Σ j < M, mixed t e j * ln (mixed t e j / p i j).            (* KL(p_D || p_i), the paper's direction *)
Lemma derive_divergence i t : (i < N)%nat -> (t < N)%nat -> is_derive (divergence i t) 0 (dC i t).
Proof.
  intros Hi Ht. apply (is_derive_ext (fun e => Σ j < M, p i j * ln (p i j / (Q joint (p t) e j / (W + e))))).
  { intros e. apply Sum_ext. intros j _. rewrite mixed_line by auto. reflexivity. }
  eapply derive_value.
  - apply (derive_Sum M (fun j e => p i j * ln (p i j / (Q joint (p t) e j / (W + e)))) (fun j => / W * p i j - p i j * p t j / joint j)).
    intros j Hj. pose proof (leaf_mass j Hj). destruct (p_nonneg i j Hi Hj) as [P|<-].
    + unfold Q. auto_derive; rewrite ?Rmult_0_l, ?Rplus_0_r; [|field; lra].
      assert (0 < joint j * / W) by pos. repeat split; auto; try lra. pos.
    + apply (is_derive_ext (fun _ => 0)); [intros; symmetry; apply Rmult_0_l|]. eapply derive_value; [apply derive_const|]. field. lra.
  - rewrite Sum_minus, Sum_scal, unit, dC_overlap by auto. ring.
Qed.
Theorem hooke_forward t : (t < N)%nat -> (Σ i < N, n i * Derive (divergence i t) 0) = 0.
Proof.
  intros Ht. rewrite (Sum_ext N _ (fun i => n i * dC i t)); [apply conservation_law, Ht|]. intros i Hi. f_equal.
  apply is_derive_unique, derive_divergence; auto.
Qed.
Theorem hooke_reverse_derivative i t : (i < N)%nat -> (t < N)%nat -> (forall j, (j < M)%nat -> 0 < p i j) ->
  Derive (reverse i t) 0 = Σ j < M, (p t j - joint j / W) / W * ln (joint j / W / p i j).
Proof.
  intros Hi Ht P. apply is_derive_unique.
  apply (is_derive_ext (fun e => Σ j < M, Q joint (p t) e j / (W + e) * ln (Q joint (p t) e j / (W + e) / p i j))).
  { intros e. apply Sum_ext. intros j _. rewrite mixed_line by auto. reflexivity. }
  eapply derive_value.
  - apply (derive_Sum M (fun j e => Q joint (p t) e j / (W + e) * ln (Q joint (p t) e j / (W + e) / p i j))
      (fun j => (p t j - joint j / W) / W * ln (joint j / W / p i j) + (/ W * p t j - / (W * W) * joint j))).
    intros j Hj. pose proof (leaf_mass j Hj). specialize (P j Hj). unfold Q.
    auto_derive; rewrite ?Rmult_0_l, ?Rplus_0_r.
    + assert (0 < joint j * / W * / p i j) by pos. repeat split; auto; lra.
    + unfold Rdiv. field. lra.
  - rewrite Sum_plus, Sum_minus, !Sum_scal, unit, joint_total by auto. field. lra.
Qed.
End Mixture.
