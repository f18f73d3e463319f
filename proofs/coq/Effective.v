(* effective-volumes-concave (docs/theory.md, From trees to measured models): the likelihood of mixture weights is concave, and EM's
   condition is enough for a maximum. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv.
Open Scope R_scope.

Section Likelihood.
Variables (N M : nat) (p : nat -> nat -> R) (q : nat -> R).
Hypothesis q_nonneg : forall j, (j < M)%nat -> 0 <= q j.
Definition mix (w : nat -> R) j := Σ s < N, w s * p s j.
Definition likelihood w := Σ j < M, q j * ln (mix w j).
Lemma likelihood_concave w u e : (forall j, (j < M)%nat -> 0 < mix w j + e * mix u j) ->
  let path e := Σ j < M, q j * ln (mix w j + e * mix u j) in
  let d1 e := Σ j < M, q j * (mix u j / (mix w j + e * mix u j)) in
  let d2 := - Σ j < M, q j * Rsqr (mix u j / (mix w j + e * mix u j)) in
  is_derive path e (d1 e) /\ is_derive d1 e d2 /\ d2 <= 0.
Proof.
  intros H path d1 d2. split; [|split].
  - apply (derive_Sum M (fun j e => q j * ln (mix w j + e * mix u j))). intros j Hj. pose proof (H j Hj). apply derive_scal.
    auto_derive; [lra|field; lra].
  - unfold d2. rewrite <- Sum_opp. apply (derive_Sum M (fun j e => q j * (mix u j / (mix w j + e * mix u j)))). intros j Hj. pose proof (H j Hj).
    eapply derive_value; [apply (derive_scal (fun e => mix u j / (mix w j + e * mix u j)) _ _ (- Rsqr (mix u j / (mix w j + e * mix u j))))|ring].
    auto_derive; [lra|unfold Rsqr; field; lra].
  - assert (0 <= Σ j < M, q j * Rsqr (mix u j / (mix w j + e * mix u j))); [|unfold d2; lra]. apply Sum_nonneg; intros; nonneg.
Qed.
Lemma em_condition w w' : Sum M q = 1 -> (forall j, (j < M)%nat -> 0 < mix w j) -> (forall j, (j < M)%nat -> 0 < mix w' j) ->
  (forall s, (s < N)%nat -> 0 <= w' s) -> Sum N w' = 1 -> (forall s, (s < N)%nat -> (Σ j < M, q j * p s j / mix w j) <= 1) ->
  likelihood w' <= likelihood w.
Proof.
  intros U P P' W U' C.
  assert (leaf : forall j, (j < M)%nat -> q j * ln (mix w' j) - q j * ln (mix w j) <= (Σ s < N, w' s * (q j * p s j / mix w j)) - q j).
  { intros j Hj. pose proof (P j Hj). pose proof (P' j Hj). assert (0 < mix w' j / mix w j) as R by pos. pose proof (ln_below _ R) as L.
    rewrite ln_quot in L by auto.
    apply (Rmult_le_compat_l (q j)) in L; auto. rewrite (Sum_ext N _ (fun s => q j / mix w j * (w' s * p s j))), Sum_scal by (intros; field; lra).
    fold (mix w' j). replace (q j / mix w j * mix w' j) with (q j * (mix w' j / mix w j)) by (field; lra). lra. }
  sum_le M leaf as S. rewrite U, Sum_swap in S. unfold likelihood.
  assert ((Σ s < N, Σ j < M, w' s * (q j * p s j / mix w j)) <= 1); [|lra].
  rewrite <- U'. apply Sum_le. intros s Hs. rewrite Sum_scal. specialize (C s Hs). specialize (W s Hs). nra.
Qed.
Lemma mix_path w v e j : (Σ s < N, (w s + e * v s) * p s j) = mix w j + e * mix v j.
Proof. unfold mix. rewrite <- Sum_scal, <- Sum_plus. apply Sum_ext; intros; ring. Qed.
Theorem effective_volumes_concave w : Sum M q = 1 -> (forall j, (j < M)%nat -> 0 < mix w j) ->
  (forall v, Derive_n (fun e => Σ j < M, q j * ln (Σ s < N, (w s + e * v s) * p s j)) 2 0 <= 0) /\
  ((forall s, (s < N)%nat -> (Σ j < M, q j * p s j / mix w j) <= 1) ->
    forall w', (forall s, (s < N)%nat -> 0 <= w' s) -> Sum N w' = 1 -> (forall j, (j < M)%nat -> 0 < mix w' j) -> likelihood w' <= likelihood w).
Proof.
  intros U P. split.
  - intros v. rewrite (Derive_n_ext _ (fun e => Σ j < M, q j * ln (mix w j + e * mix v j))) by (intros e; apply Sum_ext; intros j _;
      rewrite mix_path; reflexivity).
    assert (P0 : forall j, (j < M)%nat -> 0 < mix w j + 0 * mix v j) by (intros j Hj; specialize (P j Hj); lra).
    destruct (likelihood_concave w v 0 P0) as (_ & D2 & L).
    assert (E : Derive_n (fun e => Σ j < M, q j * ln (mix w j + e * mix v j)) 2 0 = - Σ j < M, q j * Rsqr (mix v j / (mix w j + 0 * mix v j)));
      [|rewrite E; exact L].
    apply is_derive_unique. eapply is_derive_ext_loc; [|exact D2].
    assert (N0 : locally 0 (fun e => forall j, (j < M)%nat -> 0 < mix w j + e * mix v j)).
    { apply (all_near M (fun j e => 0 < mix w j + e * mix v j)). intros j Hj.
      apply (pos_near (fun e => mix w j + e * mix v j) 0 (mix v j)); [auto_derive; auto; ring|auto]. }
    revert N0. apply filter_imp. intros e He. symmetry. apply is_derive_unique. apply (likelihood_concave w v e He).
  - intros C w' W' U' P'. apply em_condition; auto.
Qed.
End Likelihood.
