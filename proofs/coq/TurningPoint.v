(* turning-point-from-above, false as first stated (docs/theory.md, The elasticity theorem): two overlaps and k alone do not bound the
   turning point l* of dγ_p/dl. And the bounds that hold in its place. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Line Elasticity.
Open Scope R_scope.

(* p_p = (1-b, b²/(1+b), b/(1+b)), p_t = (1-b, b, 0), p_a = (0, 0, 1): whatever the bound, some b > 0 passes it *)
Theorem turning_point_from_above k bound : 0 < k -> exists pp pa pt : nat -> R,
  Sum 3 pp = 1 /\ Sum 3 pa = 1 /\ Sum 3 pt = 1 /\ (forall j, (j < 3)%nat -> 0 < pp j /\ 0 <= pa j /\ 0 <= pt j) /\
  (Σ j < 3, pa j * pt j / pp j) = 0 /\ (Σ j < 3, pt j * pt j / pp j) = 2 /\
  exists l, bound < l /\ 0 <= l /\ Derive (gamma 3 k pp pa pt pp) l < 0.
Proof.
  intros K. set (l := Rmax 0 bound + 1). assert (L : 1 <= l) by (unfold l; pose proof (Rmax_l 0 bound); lra).
  assert (Lb : bound < l) by (unfold l; pose proof (Rmax_r 0 bound); lra).
  set (b := / (k + 1 + l)). assert (B : 0 < b) by (unfold b; pos). assert (E : b * (k + 1 + l) = 1) by (unfold b; field; lra). assert (b < 1) by nra.
  set (pp j := match j with 0%nat => 1 - b | 1%nat => b * b / (1 + b) | _ => b / (1 + b) end).
  set (pa j := match j with 2%nat => 1 | _ => 0 end). set (pt j := match j with 0%nat => 1 - b | 1%nat => b | _ => 0 end).
  assert (U : Sum 3 pp = 1) by (unfold pp; cbn; field; lra).
  assert (P : forall j, (j < 3)%nat -> 0 < pp j /\ 0 <= pa j /\ 0 <= pt j).
  { intros [|[|[|j]]] Hj; try lia; unfold pp, pa, pt; repeat split; try lra; pos. }
  exists pp, pa, pt. repeat split; try (apply P; auto; fail); auto; try (unfold pp, pa, pt; cbn; field; lra).
  exists l. repeat split; [auto|lra|].
  assert (LL : leaves 3 (fun j => k * pp j + pa j) pt (k + 1) l).
  { apply leaves_covered; try lra; intros j Hj; apply P; auto. }
  rewrite D_rate by auto. unfold slope, overlap, Q, pp, pa, pt. cbn [Sum].
  replace (/ (k + 1 + l)) with b by reflexivity.
  replace (_ - _) with (- (b * b / (k * b + l * (1 + b)))).
  - assert (0 < b * b / (k * b + l * (1 + b))); [|lra]. apply Rdiv_lt_0_compat; [pos|]. assert (0 < k * b) by pos.
    assert (0 < l * (1 + b)) by (apply Rmult_lt_0_compat; lra). lra.
  - assert (k + l = (1 - b) / b) by (apply (Rmult_eq_reg_l b); [|lra]; replace (b * ((1 - b) / b)) with (1 - b) by (field; lra); lra).
    assert (0 < k * b + l * (1 + b)) by (assert (0 < k * b) by pos; assert (0 < l * (1 + b)) by (apply Rmult_lt_0_compat; lra); lra).
    replace ((1 - b) * (1 - b) / (k * (1 - b) + 0 + l * (1 - b))) with b.
    2: { replace (k * (1 - b) + 0 + l * (1 - b)) with ((k + l) * (1 - b)) by ring. rewrite H0. field. lra. }
    set (d := k * b + l * (1 + b)) in *.
    assert (X : k * (b * b / (1 + b)) + 0 + l * b = b * d / (1 + b)) by (unfold d; field; lra). rewrite X, Rmult_0_r.
    replace (0 / _) with 0 by (unfold Rdiv; ring). field. repeat split; lra.
Qed.

(* With R = (k p_p + p_a)/p_t, means under p_p, and K = k + 1: past l* = E[(R-K)^2]/(E[R]-K) the pre-training data loses.
   p_t > 0 on every leaf; z = p_p. *)
Lemma turning_slope M (z v B : nat -> R) K l : Sum M z = 1 -> (forall j, (j < M)%nat -> 0 <= z j) -> (forall j, (j < M)%nat -> 0 < v j) ->
  (forall j, (j < M)%nat -> 0 <= B j) -> 0 < K -> 0 < l ->
  let E f := Σ j < M, z j * f j in let r j := B j / v j in
  K < E r -> E (fun j => Rsqr (r j - K)) <= l * (E r - K) -> 0 <= slope M B v K z l.
Proof.
  intros U Z Hv HB HK Hl E r _ H. assert (W : 0 < K + l) by lra.
  (* 1/(K+l) - 1/(r+l) = (r-K)/((K+l)(r+l)) >= ((r-K)/(K+l) - (r-K)^2/((K+l) l)) / (K+l) *)
  assert (leaf : forall j, (j < M)%nat -> z j * v j / Q B v l j <= / (K + l) * z j - / ((K + l) * (K + l)) * (z j * r j - K * z j) + / ((K + l) *
    (K + l) * l) * (z j * Rsqr (r j - K))).
  { intros j Hj. specialize (Hv j Hj). specialize (HB j Hj). specialize (Z j Hj). assert (0 <= r j) by (unfold r; nonneg).
    replace (z j * v j / Q B v l j) with (z j * / (r j + l)).
    2: { unfold Q, r. field. split; [|lra]. assert (0 < l * v j) by pos. lra. }
    apply by_gap. replace (_ - _) with (z j * (Rsqr (r j - K) * r j) / ((K + l) * (K + l) * l * (r j + l))).
    - assert (0 < r j + l) by lra. nonneg.
    - unfold Rsqr. field. repeat split; lra. }
  sum_le M leaf as S. rewrite U in S. unfold slope, overlap. fold (E r) (E (fun j => Rsqr (r j - K))) in S.
  change (Σ j < M, z j * r j) with (E r) in S. change (Σ j < M, z j * (r j - K)²) with (E (fun j => Rsqr (r j - K))) in S.
  assert (/ ((K + l) * (K + l) * l) * E (fun j => Rsqr (r j - K)) <= / ((K + l) * (K + l)) * (E r - K)); [|lra].
  replace (/ ((K + l) * (K + l)) * (E r - K)) with (/ ((K + l) * (K + l) * l) * (l * (E r - K))) by (field; lra).
  apply Rmult_le_compat_l; auto. left. pos.
Qed.
(* The bound in derivatives: past E[(R-K)²]/(E[R]-K) the pre-training data loses. Where p_t = 0 on a leaf of p_p the second bound holds:
   past E[(K-R)⁺; p_t > 0] / P_p(p_t = 0). *)
Theorem turning_point_from_above_bound M k pp pa pt l : 0 < k -> 0 < l -> Sum M pp = 1 -> Sum M pa = 1 -> Sum M pt = 1 -> (forall j, (j < M)%nat ->
  0 < pp j) ->
  (forall j, (j < M)%nat -> 0 <= pa j) -> (forall j, (j < M)%nat -> 0 <= pt j) ->
  let r j := (k * pp j + pa j) / pt j in let K := k + 1 in
  let E f := Σ j < M, pp j * f j in
  ((forall j, (j < M)%nat -> 0 < pt j) -> K < E r -> E (fun j => Rsqr (r j - K)) <= l * (E r - K) -> 0 <= Derive (gamma M k pp pa pt pp) l) /\
  (E (fun j => if Rlt_dec 0 (pt j) then Rmax 0 (K - r j) else 0) <= l * E (fun j => if Rlt_dec 0 (pt j) then 0 else 1) ->
    0 <= Derive (gamma M k pp pa pt pp) l).
Proof.
  intros Hk Hl Up Ua Ut P A T r K E.
  assert (L : leaves M (fun j => k * pp j + pa j) pt (k + 1) l) by (apply leaves_covered; auto; lra). rewrite D_rate by auto.
  assert (B0 : forall j, (j < M)%nat -> 0 < k * pp j + pa j) by (intros j Hj; specialize (P j Hj); specialize (A j Hj); nra). split.
  - intros T' H1 H2. apply (turning_slope M pp pt (fun j => k * pp j + pa j) (k + 1) l); auto; try lra; intros; left; auto.
  - intros H. assert (W : 0 < K + l) by (unfold K; lra).
    assert (leaf : forall j, (j < M)%nat -> (K + l) * (pp j * pt j / Q (fun j => k * pp j + pa j) pt l j)
      <= pp j - pp j * (if Rlt_dec 0 (pt j) then 0 else 1) + / l * (pp j * (if Rlt_dec 0 (pt j) then Rmax 0 (K - r j) else 0))).
    { intros j Hj. specialize (P j Hj). specialize (B0 j Hj). specialize (T j Hj). unfold Q. destruct (Rlt_dec 0 (pt j)) as [S|S].
      - assert (0 < r j) by (unfold r; pos). assert (0 < l * pt j) by pos.
        replace ((K + l) * (pp j * pt j / (k * pp j + pa j + l * pt j))) with (pp j * (1 + (K - r j) / (r j + l))) by (unfold r; field; lra).
        replace (pp j - pp j * 0 + / l * (pp j * Rmax 0 (K - r j))) with (pp j * (1 + Rmax 0 (K - r j) / l)) by (field; lra).
        apply Rmult_le_compat_l; [lra|]. apply Rplus_le_compat_l. pose proof (Rmax_l 0 (K - r j)). pose proof (Rmax_r 0 (K - r j)).
        apply (Rmult_le_reg_r ((r j + l) * l)); [apply Rmult_lt_0_compat; lra|].
        replace ((K - r j) / (r j + l) * ((r j + l) * l)) with ((K - r j) * l) by (field; lra).
        replace (Rmax 0 (K - r j) / l * ((r j + l) * l)) with (Rmax 0 (K - r j) * (r j + l)) by (field; lra). nra.
      - replace (pt j) with 0 by lra. unfold Rdiv. rewrite Rmult_0_r, !Rmult_0_l, !Rmult_0_r. lra. }
    sum_le M leaf as S. change (Σ j < M, pp j) with (Sum M pp) in S. rewrite Up in S. fold (E (fun j => if Rlt_dec 0 (pt j) then 0 else 1)) in S.
    fold (E (fun j => if Rlt_dec 0 (pt j) then Rmax 0 (K - r j) else 0)) in S.
    assert (X : (K + l) * overlap M (fun j => k * pp j + pa j) pt pp l <= 1).
    { unfold overlap. eapply Rle_trans; [exact S|]. apply (Rmult_le_compat_l (/ l)) in H; [|left; pos].
      rewrite <- Rmult_assoc, Rinv_l, Rmult_1_l in H by lra. lra. }
    unfold slope. fold K. set (y := overlap M (fun j => k * pp j + pa j) pt pp l) in *. apply (Rmult_le_reg_l (K + l)); auto.
    rewrite Rmult_minus_distr_l, Rinv_r by lra. lra.
Qed.
