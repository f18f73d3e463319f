(* sign-turns-once (docs/theory.md, Joint compression), with its strict forms; and what every derivative in a volume rests on.
   One volume varies: leaf masses B j + l v j, volume V + l, any number M of leaves. Every derivative of a code length in
   a volume is of this kind: B is what the other datasets hold (any number of them), v the dataset that is added. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv.
Open Scope R_scope.

Section Line.
Variables (M : nat) (B v : nat -> R) (V : R).

Definition Q l j := B j + l * v j.                                       (* mass of leaf j in the joint data *)
Definition code (u : nat -> R) l := - Σ j < M, u j * ln (Q l j / (V + l)).   (* code length of data u, nats per phrase *)
Definition overlap u l := Σ j < M, u j * v j / Q l j.
Definition slope u l := / (V + l) - overlap u l.
Definition bend u l := (Σ j < M, u j * (v j * v j) / (Q l j * Q l j)) - / ((V + l) * (V + l)).

Definition leaves l := (forall j, (j < M)%nat -> 0 < Q l j) /\ 0 < V + l.   (* every leaf carries mass *)

(* --- the formulas are the derivatives --- *)
Lemma derive_code u l : leaves l -> Sum M u = 1 -> is_derive (code u) l (slope u l).
Proof.
  intros [P W] U. unfold code. eapply derive_value.
  - apply derive_opp, (derive_Sum M (fun j t => u j * ln (Q t j / (V + t)))).
    intros j Hj. apply derive_scal with (a := v j / Q l j - / (V + l)).
    specialize (P j Hj). unfold Q in *. auto_derive.
    + repeat split; auto; try lra. apply Rdiv_lt_0_compat; auto.
    + field. lra.
  - assert (leaf : forall j, (j < M)%nat -> u j * (v j / Q l j - / (V + l)) = u j * v j / Q l j - / (V + l) * u j)
      by (intros j Hj; specialize (P j Hj); field; lra).
    sum M leaf as S. rewrite S, U. unfold slope, overlap. ring.
Qed.
Lemma derive_slope u l : leaves l -> is_derive (slope u) l (bend u l).
Proof.
  intros [P W]. unfold slope, overlap. eapply derive_value.
  - apply derive_minus.
    + instantiate (1 := - / ((V + l) * (V + l))). auto_derive; [lra|field; lra].
    + apply (derive_Sum M (fun j t => u j * v j / Q t j) (fun j => - (u j * (v j * v j) / (Q l j * Q l j)))).
      intros j Hj. specialize (P j Hj). unfold Q in *. auto_derive; [lra|field; lra].
  - unfold bend. rewrite Sum_opp. ring.
Qed.

Lemma Derive_code u l : leaves l -> Sum M u = 1 -> Derive (code u) l = slope u l.
Proof. intros L U. apply is_derive_unique, derive_code; auto. Qed.
Lemma leaves_near l : leaves l -> locally l leaves.
Proof.
  intros [P W]. apply filter_and.
  - apply (all_near M (fun j x => 0 < Q x j)). intros j Hj. apply (pos_near (fun x => Q x j) l (v j)); [unfold Q; auto_derive; auto; ring|auto].
  - apply (pos_near (fun x => V + x) l 1); [auto_derive; auto; ring|auto].
Qed.
Lemma Derive2_code u l : leaves l -> Sum M u = 1 -> Derive_n (code u) 2 l = bend u l.
Proof.
  intros L U. apply is_derive_unique. apply (is_derive_ext_loc (slope u)); [|apply derive_slope, L].
  generalize (leaves_near l L). apply filter_imp. intros x X. symmetry. exact (Derive_code u x X U).
Qed.

(* --- what it says --- *)
Lemma slope_sign u l : leaves l -> (slope u l < 0 <-> 1 < (V + l) * overlap u l) /\ (0 < slope u l <-> (V + l) * overlap u l < 1).
Proof.
  intros [_ W]. assert (E : slope u l = (1 - (V + l) * overlap u l) / (V + l)) by (unfold slope; field; lra).
  rewrite E. assert (0 < / (V + l)) by (apply Rinv_0_lt_compat, W). unfold Rdiv. split; split; intros; nra.
Qed.

(* More of v never worsens v: -slope v = Σ Q (v/Q - 1/W)^2. *)
Lemma own_rate l : leaves l -> Sum M v = 1 -> Sum M (Q l) = V + l ->
  slope v l <= 0 /\ (slope v l = 0 <-> forall j, (j < M)%nat -> v j = Q l j / (V + l)).
Proof.
  intros [P W] U T.
  assert (leaf : forall j, (j < M)%nat -> Q l j * Rsqr (v j / Q l j - / (V + l))
    = v j * v j / Q l j - (2 * / (V + l)) * v j + (/ (V + l) * / (V + l)) * Q l j).
  { intros j Hj. specialize (P j Hj). unfold Rsqr. field. lra. }
  assert (sq : forall j, (j < M)%nat -> 0 <= Q l j * Rsqr (v j / Q l j - / (V + l))).
  { intros j Hj. apply Rmult_le_pos; [left; auto|apply Rle_0_sqr]. }
  sum M leaf as S. rewrite U in S. change (Σ j < M, Q l j) with (Sum M (Q l)) in S. rewrite T in S.
  assert (E : slope v l = - Σ j < M, Q l j * Rsqr (v j / Q l j - / (V + l))) by (rewrite S; unfold slope, overlap; field; lra).
  rewrite E. pose proof (Sum_nonneg M _ sq). split; [lra|split].
  - intros Z j Hj. pose proof (Sum_null M _ sq ltac:(lra) j Hj) as N. specialize (P j Hj).
    apply Rmult_integral in N as [N|N]; [lra|]. apply Rsqr_0_uniq in N.
    replace (v j) with (v j / Q l j * Q l j) by (field; lra). replace (v j / Q l j) with (/ (V + l)) by lra. field. lra.
  - intros Z. rewrite Sum_zero; [ring|]. intros j Hj. specialize (P j Hj). rewrite Z by auto. unfold Rsqr. field. lra.
Qed.

(* The second derivative is slope^2 - 2 slope/W plus the variance of v/Q under u. *)
Lemma bend_bound u l : leaves l -> Sum M u = 1 -> (forall j, (j < M)%nat -> 0 <= u j) ->
  slope u l * (slope u l - 2 / (V + l)) <= bend u l.
Proof.
  intros [P W] U N. set (o := overlap u l).
  assert (leaf : forall j, (j < M)%nat -> u j * Rsqr (v j / Q l j - o)
    = u j * (v j * v j) / (Q l j * Q l j) - (2 * o) * (u j * v j / Q l j) + (o * o) * u j).
  { intros j Hj. specialize (P j Hj). unfold Rsqr. field. lra. }
  sum M leaf as S. rewrite U in S. fold (overlap u l) in S. fold o in S.
  assert (0 <= Σ j < M, u j * Rsqr (v j / Q l j - o)) by (apply Sum_nonneg; intros; apply Rmult_le_pos; [auto|apply Rle_0_sqr]).
  unfold bend, slope. fold o. replace (/ ((V + l) * (V + l))) with (/ (V + l) * / (V + l)) by (field; lra). unfold Rdiv. nra.
Qed.
Lemma convex_where_falling u l : leaves l -> Sum M u = 1 -> (forall j, (j < M)%nat -> 0 <= u j) -> slope u l <= 0 -> 0 <= bend u l.
Proof.
  intros L U N D. pose proof (bend_bound u l L U N). destruct L as [_ W].
  assert (0 < 2 / (V + l)) by (apply Rdiv_lt_0_compat; lra). nra.
Qed.

(* --- the sign turns at most once (or never) --- *)
Hypothesis v_nonneg : forall j, (j < M)%nat -> 0 <= v j.
Lemma leaves_up l d : 0 <= d -> leaves l -> leaves (l + d).
Proof. intros D [P W]. split; [|lra]. intros j Hj. specialize (P j Hj). specialize (v_nonneg j Hj). unfold Q in *. nra. Qed.

(* Chebyshev's sum inequality, with its remainder: v/Q(l) and v/Q(l+d) are ordered alike over the leaves. *)
Let spread u l d := Σ i < M, Σ j < M, u i * u j * (Rsqr (v i * B j - v j * B i) / (Q l i * Q l j * (Q (l + d) i * Q (l + d) j))).
Lemma overlap_gap u l d : 0 <= d -> leaves l -> Sum M u = 1 ->
  overlap u l - overlap u (l + d) = d * (overlap u l * overlap u (l + d) + spread u l d / 2).
Proof.
  intros D L U. destruct (leaves_up l d D L) as [P' _]. destruct L as [P _].
  set (a j := v j / Q l j). set (b j := v j / Q (l + d) j). set (y := Σ j < M, u j * (a j * b j)).
  assert (A : overlap u l = Σ j < M, u j * a j) by (apply Sum_ext; intros; unfold a, Rdiv; ring).
  assert (A' : overlap u (l + d) = Σ j < M, u j * b j) by (apply Sum_ext; intros; unfold b, Rdiv; ring).
  assert (leaf : forall j, (j < M)%nat -> u j * a j - u j * b j = d * (u j * (a j * b j))).
  { intros j Hj. specialize (P j Hj). specialize (P' j Hj). unfold a, b, Q in *. field. lra. }
  sum M leaf as S. fold y in S. rewrite <- A, <- A' in S.
  assert (E : spread u l d = 2 * y - 2 * (overlap u l * overlap u (l + d))).
  { unfold spread. rewrite (Sum_ext M _ (fun i => (u i * (a i * b i) + y * u i) - (overlap u (l + d) * (u i * a i) + overlap u l * (u i * b i)))).
    - rewrite Sum_minus, !Sum_plus, !Sum_scal, U, <- A, <- A'. fold y. ring.
    - intros i Hi. rewrite (Sum_ext M _ (fun j => ((u i * (a i * b i)) * u j + u i * (u j * (a j * b j)))
        - (u i * a i * (u j * b j) + u i * b i * (u j * a j)))).
      + rewrite Sum_minus, !Sum_plus, !Sum_scal, U, <- A, <- A'. fold y. ring.
      + intros j Hj. pose proof (P i Hi). pose proof (P j Hj). pose proof (P' i Hi). pose proof (P' j Hj).
        unfold a, b, Rsqr, Q in *. field. lra. }
  rewrite S, E. field.
Qed.
Lemma spread_nonneg u l d i j : 0 <= d -> leaves l -> (forall j, (j < M)%nat -> 0 <= u j) -> (i < M)%nat -> (j < M)%nat ->
  0 <= u i * u j * (Rsqr (v i * B j - v j * B i) / (Q l i * Q l j * (Q (l + d) i * Q (l + d) j))).
Proof.
  intros D L N Hi Hj. destruct (leaves_up l d D L) as [P' _]. destruct L as [P _].
  pose proof (P i Hi). pose proof (P j Hj). pose proof (P' i Hi). pose proof (P' j Hj). pose proof (N i Hi). pose proof (N j Hj). nonneg.
Qed.
Lemma overlap_nonneg u l : leaves l -> (forall j, (j < M)%nat -> 0 <= u j) -> 0 <= overlap u l.
Proof. intros [P _] N. apply Sum_nonneg; intros j Hj. specialize (P j Hj). specialize (N j Hj). specialize (v_nonneg j Hj). nonneg. Qed.

Section Turn.
Variables (u : nat -> R) (l d : R).
Hypothesis d_nonneg : 0 <= d.
Hypothesis L : leaves l.
Hypothesis u_unit : Sum M u = 1.
Hypothesis u_nonneg : forall j, (j < M)%nat -> 0 <= u j.
Lemma overlap_falls : d * overlap u l * overlap u (l + d) <= overlap u l - overlap u (l + d).
Proof.
  rewrite overlap_gap by auto. assert (0 <= spread u l d).
  { apply Sum_nonneg; intros; apply Sum_nonneg; intros. apply spread_nonneg; auto. }
  assert (0 <= d * (spread u l d / 2)) by (apply Rmult_le_pos; lra). lra.
Qed.
(* 1 - (W + d) y2 >= (1 - W y1) / (1 + d y1) *)
Lemma slope_up : slope u l * ((V + l) / (1 + d * overlap u l)) <= slope u (l + d) * (V + (l + d)).
Proof.
  pose proof overlap_falls as F. destruct (leaves_up l d d_nonneg L) as [_ W']. pose proof (overlap_nonneg u l L u_nonneg) as Y. destruct L as [_ W].
  unfold slope. set (y1 := overlap u l) in *. set (y2 := overlap u (l + d)) in *. assert (0 <= d * y1) by nra.
  apply (Rmult_le_reg_r (1 + d * y1)); [lra|].
  replace ((/ (V + l) - y1) * ((V + l) / (1 + d * y1)) * (1 + d * y1)) with (1 - (V + l) * y1) by (field; lra).
  replace ((/ (V + (l + d)) - y2) * (V + (l + d)) * (1 + d * y1)) with ((1 + d * y1) - (V + (l + d)) * ((1 + d * y1) * y2)) by (field; lra).
  assert ((V + (l + d)) * ((1 + d * y1) * y2) <= (V + (l + d)) * y1) by (apply Rmult_le_compat_l; lra). lra.
Qed.
Theorem sign_turns_once : d * overlap u l * overlap u (l + d) <= overlap u l - overlap u (l + d) /\
  (0 <= Derive (code u) l -> 0 <= Derive (code u) (l + d)).
Proof.
  split; [apply overlap_falls|]. destruct (leaves_up l d d_nonneg L) as [P' W']. rewrite !Derive_code by (auto; split; auto). intros H.
  pose proof slope_up as S. pose proof (overlap_nonneg u l L u_nonneg). assert (0 <= d * overlap u l) by nra. destruct L as [_ W].
  assert (0 <= (V + l) / (1 + d * overlap u l)) by (apply Rdiv_pos; lra).
  assert (0 <= slope u l * ((V + l) / (1 + d * overlap u l))) by (apply Rmult_le_pos; auto).
  apply (Rmult_le_reg_r (V + (l + d))); lra.
Qed.
(* Strict forms. Once it rises, it rises strictly for ever. Where it stands still and d > 0 more is mixed in, it stands still again
   only if the joint data already has the added data's masses on every leaf of u, and then for ever. *)
Theorem sign_turns_once_strict : (0 < Derive (code u) l -> 0 < Derive (code u) (l + d)) /\
  (0 < d -> 0 <= Derive (code u) l -> (Derive (code u) (l + d) = 0 <-> forall j, (j < M)%nat -> 0 < u j -> v j * (V + l) = Q l j)).
Proof.
  destruct (leaves_up l d d_nonneg L) as [P' W']. rewrite !Derive_code by (auto; split; auto).
  pose proof (overlap_nonneg u l L u_nonneg) as Y. assert (0 <= d * overlap u l) by nra. destruct L as [P W]. split; [|intros D H0; split].
  - intros S. pose proof slope_up as U. assert (0 < slope u l * ((V + l) / (1 + d * overlap u l))) by (apply Rmult_lt_0_compat; auto;
      apply Rdiv_lt_0_compat; lra).
    apply (Rmult_lt_reg_r (V + (l + d))); lra.
  - intros Z. assert (E2 : overlap u (l + d) = / (V + (l + d))) by (unfold slope in Z; lra).
    assert (N : forall i j, (i < M)%nat -> (j < M)%nat -> 0 <= _) by (intros i j Hi Hj; exact (spread_nonneg u l d i j d_nonneg L u_nonneg Hi Hj)).
    assert (S0 : 0 <= spread u l d) by (apply Sum_nonneg; intros; apply Sum_nonneg; intros; apply N; auto).
    assert (E1 : overlap u l = / (V + l) /\ spread u l d = 0).
    { pose proof (overlap_gap u l d d_nonneg L u_unit) as G. rewrite E2 in G. unfold slope in H0. set (y := overlap u l) in *.
      assert (y <= / (V + l)) by lra.
      assert (G' : y * (V + l) = 1 + d * (V + (l + d)) * (spread u l d / 2)).
      { apply (f_equal (Rmult (V + (l + d)))) in G. rewrite Rmult_minus_distr_l, Rinv_r in G by lra.
        replace ((V + (l + d)) * (d * (y * / (V + (l + d)) + spread u l d / 2))) with (d * y + d * (V + (l + d)) * (spread u l d / 2)) in G by
          (field; lra). lra. }
      assert (y * (V + l) <= 1) by (rewrite <- (Rinv_l (V + l)) by lra; apply Rmult_le_compat_r; lra).
      assert (K : 0 < d * (V + (l + d))) by (apply Rmult_lt_0_compat; lra). split; [|nra].
      apply (Rmult_eq_reg_r (V + l)); [|lra]. rewrite Rinv_l by lra. nra. }
    destruct E1 as [E1 Z2]. intros j Hj Uj.
    assert (R : forall i, (i < M)%nat -> u i * (v i / Q l i) = u i * (v j / Q l j)).
    { intros i Hi. destruct (u_nonneg i Hi) as [Ui|<-]; [|ring].
      pose proof (Sum_null M _ (fun a Ha => Sum_nonneg M _ (fun b Hb => N a b Ha Hb)) Z2 i Hi) as Zi. cbv beta in Zi.
      pose proof (Sum_null M _ (fun b Hb => N i b Hi Hb) Zi j Hj) as Zj. cbv beta in Zj.
      pose proof (P i Hi). pose proof (P j Hj). pose proof (P' i Hi). pose proof (P' j Hj).
      assert (Rsqr (v i * B j - v j * B i) = 0) as S.
      { apply Rmult_integral in Zj as [Zj|Zj]; [apply Rmult_integral in Zj; lra|]. apply Rmult_integral in Zj as [Zj|Zj]; auto.
        exfalso. revert Zj. apply Rinv_neq_0_compat. apply pos_not_0. pos. }
      apply Rsqr_0_uniq in S. assert (v i * Q l j = v j * Q l i) as X by (unfold Q; lra).
      replace (v i / Q l i) with (v j / Q l j); [ring|].
      replace (v j) with (v i * Q l j / Q l i) by (rewrite X; field; lra). field. lra. }
    assert (O : overlap u l = v j / Q l j).
    { transitivity (Σ i < M, v j / Q l j * u i); [|rewrite Sum_scal, u_unit; ring]. apply Sum_ext. intros i Hi. specialize (R i Hi).
      unfold Rdiv in *. lra. }
    rewrite E1 in O. pose proof (P j Hj). apply (Rmult_eq_reg_r (/ (V + l) * / Q l j)); [|apply pos_not_0; pos].
    replace (v j * (V + l) * (/ (V + l) * / Q l j)) with (v j / Q l j) by (field; lra). rewrite <- O. field. lra.
  - intros E. assert (O : forall x, (forall j, (j < M)%nat -> 0 < u j -> 0 < Q x j /\ v j * (V + x) = Q x j) -> 0 < V + x -> slope u x = 0).
    { intros x H1 Hx. unfold slope, overlap. rewrite (Sum_ext M _ (fun j => / (V + x) * u j)); [rewrite Sum_scal, u_unit; ring|].
      intros j Hj. destruct (u_nonneg j Hj) as [Uj|<-]; [|unfold Rdiv; ring]. destruct (H1 j Hj Uj) as [A E2]. rewrite <- E2 in A |- *.
      assert (v j <> 0) by (intros Z; rewrite Z in A; lra). field. split; lra. }
    apply O; [|lra]. intros j Hj Uj. split; [auto|]. specialize (E j Hj Uj). unfold Q in *. lra.
Qed.
End Turn.
End Line.
